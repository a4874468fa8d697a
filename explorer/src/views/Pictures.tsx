import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Picture } from "../api";
import { get, getBlob, path, withQuery } from "../client";
import { visible } from "../format";
import { failed, persist } from "../state/load";
import { dark, explain, go, session, t } from "../state/store";

/** The picture that needs no model. */
const OF_RINGS = "ring_timeline";

const pictures = signal<Picture[] | null>(null);

async function load(order: AbortSignal): Promise<void> {
  try {
    pictures.value = (await persist(() => get<{ pictures: Picture[] }>("pictures", order), order)).pictures;
  } catch (error) {
    if (order.aborted) return;
    pictures.value ??= [];
    failed(error);
  }
}

export function openPictures(): void {
  go({ page: "pictures" }, true);
}

export function closePictures(): void {
  go({ page: "rings" }, true);
  document.getElementById("pictures-open")?.focus();
}

/** Pictures of the run and of the model, each with the same in words. */
export function Pictures() {
  const main = useRef<HTMLElement>(null);
  const run = session.value?.run?.run_id ?? null;
  useEffect(() => main.current?.focus(), []);
  useEffect(() => {
    const order = new AbortController();
    void load(order.signal);
    return () => order.abort();
  }, [run]);
  const found = pictures.value;
  return (
    <main id="pictures" class="pictures" ref={main} tabIndex={-1} aria-busy={found === null} aria-labelledby="pictures-title" data-testid="pictures">
      <div class="bar">
        <h2 id="pictures-title">{t("pictures.title")}</h2>
        <button type="button" onClick={closePictures} data-testid="pictures-close">
          {t("pictures.close")}
        </button>
      </div>
      {found === null && <p class="empty">{t("list.loading")}</p>}
      {found?.map((one) => <One key={one.name} picture={one} />)}
      {found?.every(({ name }) => name === OF_RINGS) && (
        <p class="empty" data-testid="pictures-empty">
          {t("pictures.none")} <code>graphml train fraud</code>, <code>graphml evaluate fraud</code>
        </p>
      )}
    </main>
  );
}

type Drawn = { href: string } | { failed: string } | null;

function One({ picture }: { picture: Picture }) {
  const drawn = useDrawing(picture, dark.value ? "dark" : "light");
  return (
    <figure class="picture" data-testid="picture">
      <h3 lang="en" dir="auto">
        {visible(picture.title)}
      </h3>
      {drawn === null && <p class="hint">{t("list.loading")}</p>}
      {drawn && "failed" in drawn && (
        <p class="bad" role="alert">
          {t("pictures.failed", { detail: drawn.failed })}
        </p>
      )}
      {drawn && "href" in drawn && <img src={drawn.href} alt={visible(picture.alt)} lang="en" />}
      {/* Who hears the picture's words has heard these. */}
      <figcaption lang="en" dir="auto" aria-hidden={drawn !== null && "href" in drawn} data-testid="picture-text">
        {visible(picture.alt)}
      </figcaption>
    </figure>
  );
}

/** The picture in a theme: the one before stays until the next is there. */
function useDrawing({ name, alt }: Picture, theme: "light" | "dark"): Drawn {
  const [drawn, setDrawn] = useState<Drawn>(null);
  const held = useRef<string | null>(null);
  const hold = (next: string | null) => {
    if (held.current !== null) URL.revokeObjectURL(held.current);
    held.current = next;
  };
  useEffect(() => {
    const order = new AbortController();
    persist(() => getBlob(withQuery(path("pictures", `${name}.svg`), { theme }), order.signal), order.signal)
      .then((blob) => {
        if (order.signal.aborted) return;
        hold(URL.createObjectURL(blob));
        setDrawn({ href: held.current ?? "" });
      })
      .catch((error: unknown) => {
        if (order.signal.aborted) return;
        hold(null);
        setDrawn({ failed: explain(error) });
      });
    return () => order.abort();
  }, [name, alt, theme]);
  useEffect(() => () => hold(null), []);
  return drawn;
}
