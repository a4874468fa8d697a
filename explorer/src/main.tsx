import "./begin";
import { effect, untracked } from "@preact/signals";
import { render } from "preact";
import { loadRing, loadRings, watch } from "./state/load";
import { needsKey, pathFrom, pathTo, ring, selected, url } from "./state/store";
import { format, parse, ringsQuery } from "./state/url";
import { App } from "./views/App";
import "./style.css";

watch();

addEventListener("popstate", () => {
  const before = url.value;
  const next = parse(location.search);
  if (format(next) !== format(before)) url.value = next;
});

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

// A path's other end is the node that is selected next.
effect(() => {
  const node = selected.value;
  untracked(() => {
    if (node !== null && pathFrom.value !== null && pathTo.value === null && node !== pathFrom.value && ring.value) pathTo.value = node;
  });
});

const root = document.getElementById("app");
if (root) render(<App />, root);
