import { corners, kindOf } from "../graph/look";

/** Colour and shape of a node type, as the graph draws them. */
export function Mark({ type, colour, size = 12 }: { type: string; colour: string; size?: number }) {
  const points = corners(kindOf(type).shape);
  return (
    <svg class="mark" width={size} height={size} viewBox="-1.2 -1.2 2.4 2.4" aria-hidden="true">
      {points ? (
        <polygon points={points.map((point) => point.join(",")).join(" ")} fill={colour} />
      ) : (
        <circle r="1" fill={colour} />
      )}
    </svg>
  );
}
