import { minute } from "../format";
import { reload } from "../state/load";
import { connection, newerRun, notice, spoken, t } from "../state/store";

/** What concerns the whole page: a newer run, a service that is away, a failure. */
export function Banners() {
  const link = connection.value;
  const run = newerRun.value;
  return (
    <div class="banners">
      <div role="status" aria-live="polite">
        {link.kind !== "ok" && (
          <p class="banner warn" data-testid="banner-away">
            {link.kind === "away" ? t("banner.away") : t("banner.notReady", { detail: link.detail })}
          </p>
        )}
        {run && (
          <p class="banner" data-testid="banner-new-run">
            {t("banner.newRun", { time: `${minute(run.finished ?? run.as_of)} UTC` })}
            <button type="button" onClick={reload}>
              {t("banner.reload")}
            </button>
          </p>
        )}
      </div>
      <div role="alert">
        {notice.value !== null && (
          <p class="banner warn" data-testid="banner-error">
            {t("banner.error", { detail: notice.value })}
            <button type="button" onClick={() => (notice.value = null)}>
              {t("banner.close")}
            </button>
          </p>
        )}
      </div>
      <p class="unseen" role="status" aria-live="polite" data-testid="spoken">
        {spoken.value}
      </p>
    </div>
  );
}
