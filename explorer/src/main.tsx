import "./begin";
import { computed, effect, untracked } from "@preact/signals";
import { render } from "preact";
import { loadRing, loadRings, reopen, watch } from "./state/load";
import { go, needsKey, pathFrom, pathTo, returnTo, ring, selected, url } from "./state/store";
import { ringsQuery } from "./state/url";
import { App } from "./views/App";
import "./style.css";

watch();

addEventListener("popstate", () => returnTo(location.search));

let listOf = JSON.stringify(ringsQuery(url.value, null));
let ringOf = url.value.ring;
effect(() => {
  const query = JSON.stringify(ringsQuery(url.value, null));
  const id = url.value.ring;
  untracked(() => {
    if (query !== listOf && needsKey.value === "no") void loadRings();
    listOf = query;
    if (id !== ringOf && needsKey.value === "no") void loadRing(id);
    ringOf = id;
  });
});

// Going back and forth opens and closes nodes as the address then says.
const openedText = computed(() => JSON.stringify(url.value.opened));
effect(() => {
  if (openedText.value && ring.value?.ring_id === url.value.ring) untracked(() => void reopen());
});

// A path's other end is the node that is selected next.
effect(() => {
  const node = selected.value;
  untracked(() => {
    if (node !== null && pathFrom.value !== null && pathTo.value === null && node !== pathFrom.value && ring.value) go({ pathTo: node });
  });
});

const root = document.getElementById("app");
if (root) render(<App />, root);
