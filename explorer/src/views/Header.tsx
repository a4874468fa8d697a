import { signOut } from "../state/load";
import { minute } from "../format";
import { go, lang, needsKey, newerRun, session, shownRun, t, url, w } from "../state/store";
import type { Theme } from "../state/url";
import { closeCases, openCases } from "./CaseList";
import { Id } from "./Id";
import { closePictures, openPictures } from "./Pictures";

const SKIPS = {
  rings: { to: "#ring", key: "app.skip" },
  pictures: { to: "#pictures", key: "pictures.skip" },
  cases: { to: "#case-view", key: "cases.skip" },
} as const;
const THEMES: Theme[] = ["auto", "light", "dark"];

export function Header() {
  const who = session.value;
  const signedIn = who !== null && needsKey.value === "no";
  const page = url.value.page;
  const run = newerRun.value ? shownRun.value : (shownRun.value ?? who?.run ?? null);
  return (
    <header class="top">
      <a class="skip" href={SKIPS[page].to}>
        {t(SKIPS[page].key)}
      </a>
      <h1>graphml</h1>
      <p class="facts" data-testid="run">
        {run ? (
          <>
            <span>{t("app.asOf", { time: minute(run.as_of) })} UTC</span>
            <span>
              {t("app.run", { id: "" })}
              <Id value={run.run_id} most={22} />
            </span>
          </>
        ) : (
          who && <span>{t("app.noRun")}</span>
        )}
        {who && (
          <span class="wide">
            {t("app.store", { name: "" })}
            <Id value={who.store} most={34} />
          </span>
        )}
      </p>
      {who && (
        <p class="who" data-testid="user">
          <Id value={who.user} /> · {w("user", who.role)}
          {who.auth === "key" && (
            <button type="button" class="link" onClick={signOut} data-testid="sign-out">
              {t("user.signOut")}
            </button>
          )}
        </p>
      )}
      <div class="switches">
        {signedIn && (
          <>
            <PageSwitch of="cases" open={openCases} close={closeCases} />
            <PageSwitch of="pictures" open={openPictures} close={closePictures} />
          </>
        )}
        <button
          type="button"
          data-testid="language"
          lang={lang.value === "en" ? "zh-Hans" : "en"}
          onClick={() => go({ lang: lang.value === "en" ? "zh" : "en" })}
        >
          {lang.value === "en" ? "中文" : "English"}
        </button>
        <select
          aria-label={t("app.theme")}
          data-testid="theme"
          value={url.value.theme}
          onChange={(event) => go({ theme: event.currentTarget.value as Theme })}
        >
          {THEMES.map((theme) => (
            <option key={theme} value={theme}>
              {t(`theme.${theme}` as const)}
            </option>
          ))}
        </select>
      </div>
    </header>
  );
}

/** A button that opens a page beside the rings, and goes back to them. */
function PageSwitch({ of, open, close }: { of: "cases" | "pictures"; open: () => void; close: () => void }) {
  const shown = url.value.page === of;
  return (
    <button type="button" id={`${of}-open`} aria-pressed={shown} onClick={shown ? close : open} data-testid={`${of}-open`}>
      {t(`${of}.title`)}
    </button>
  );
}
