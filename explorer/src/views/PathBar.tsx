import { clearPath, counted, go, path, pathFrom, pathTo, shown, t, w } from "../state/store";
import { visible } from "../format";
import { Id } from "./Id";

function name(id: string): string {
  const node = shown.value?.nodes.get(id);
  return visible(node ? `${w("type", node.type)} ${node.key}` : id);
}

/** A path that is being chosen, was found, or does not exist. */
export function PathBar() {
  const from = pathFrom.value;
  if (from === null || !counted.value) return null;
  const to = pathTo.value;
  const found = path.value;
  return (
    <p class="filter" role="status" data-testid="path">
      {to === null ? (
        t("path.choose", { from: name(from) })
      ) : found ? (
        <>
          {found.edges.length === 1 ? t("path.step") : t("path.found", { n: found.edges.length })}{" "}
          {found.nodes.map((id, i) => (
            <span key={id}>
              {i > 0 && " → "}
              <button type="button" class="link" onClick={() => go({ node: id, panel: "selected" })}>
                <Id value={name(id)} most={28} />
              </button>
            </span>
          ))}
        </>
      ) : (
        t("path.none", { from: name(from), to: name(to) })
      )}
      <button type="button" class="link" onClick={clearPath} data-testid="path-clear">
        {t(to === null ? "path.cancel" : "path.clear")}
      </button>
    </p>
  );
}
