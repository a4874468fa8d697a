import { shorten, visible } from "../format";

/** An id: text and nothing else, kept apart from the direction of the text around it. */
export function Id({ value, most = 24 }: { value: string; most?: number }) {
  return (
    <bdi class="id" title={visible(value)}>
      {shorten(value, most)}
    </bdi>
  );
}
