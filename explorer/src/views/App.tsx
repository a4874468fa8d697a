import { useEffect } from "preact/hooks";
import { clearPath, dark, go, lang, needsKey, pathFrom, t, url } from "../state/store";
import "../state/fresh";
import { Banners } from "./Banners";
import { backInCases } from "./CaseList";
import { CasesView } from "./CasesView";
import { Header } from "./Header";
import { Login } from "./Login";
import { closePictures, Pictures } from "./Pictures";
import { focusRow, RingList } from "./RingList";
import { RingView } from "./RingView";

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [role=slider], [role=application]") !== null;
}

/** Step back: from the search, the path, the node, what is lit up; at last to the list. */
function back(): void {
  if (url.value.page === "pictures") closePictures();
  else if (url.value.page === "cases") backInCases();
  else if (document.activeElement?.id === "search") focusRow(0);
  else if (pathFrom.value !== null) clearPath();
  else if (url.value.node !== null) go({ node: null });
  else if (url.value.light !== null) go({ light: null });
  else focusRow(0);
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") back();
  else if (url.value.page === "pictures") return;
  else if (event.key === "/" && url.value.page === "rings" && !typing(event.target)) {
    event.preventDefault();
    if (!url.value.list) go({ list: true });
    setTimeout(() => document.getElementById("search")?.focus());
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && document.activeElement === document.body) {
    event.preventDefault();
    focusRow(event.key === "ArrowDown" ? 1 : -1);
  }
}

export function App() {
  useEffect(() => {
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    const root = document.documentElement;
    root.lang = lang.value === "zh" ? "zh-Hans" : "en";
    root.dataset.theme = dark.value ? "dark" : "light";
    document.title = t("app.title");
  }, [lang.value, dark.value]);
  return (
    <>
      <Header />
      <Banners />
      {needsKey.value !== "no" ? (
        <Login />
      ) : url.value.page === "pictures" ? (
        <Pictures />
      ) : url.value.page === "cases" ? (
        <CasesView />
      ) : (
        <div class={url.value.list ? "page" : "page alone"}>
          <RingList />
          <RingView />
        </div>
      )}
    </>
  );
}
