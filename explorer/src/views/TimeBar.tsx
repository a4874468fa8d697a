import { useRef } from "preact/hooks";
import { bins, moved, type End } from "../graph/time";
import { iso, minute, whole } from "../format";
import { go, lang, light, say, shown, span, t, wholeSpan } from "../state/store";
import type { Span } from "../graph/model";

const BARS = 90;

function set(whole: Span, next: Span): void {
  const open = next.from <= whole.from && next.to >= whole.to - 999;
  go(open ? { from: null, to: null } : { from: iso(next.from), to: iso(next.to) });
}

/** Histogram of the events with the two ends of the window. */
export function TimeBar() {
  const bar = useRef<HTMLDivElement>(null);
  const all = wholeSpan.value;
  if (!all || !shown.value) return <p class="time empty">{t("time.none")}</p>;
  const now = span.value ?? all;
  const events = [...shown.value.events.values()];
  const counts = bins(events, all, BARS, null);
  const lit = light.value ? bins(events, all, BARS, light.value.events) : null;
  const most = Math.max(...counts, 1);
  const share = (time: number): number => (all.to > all.from ? Math.min(1, Math.max(0, (time - all.from) / (all.to - all.from))) : 0.5);
  return (
    <section class="time" aria-label={t("time.title")} data-testid="time">
      <div class="chart" ref={bar}>
        <svg
          viewBox={`0 0 ${BARS} 1`}
          preserveAspectRatio="none"
          role="img"
          aria-label={t("time.chart", { n: whole(events.length, lang.value), from: minute(iso(all.from)), to: minute(iso(all.to)), most })}
        >
          {counts.map((count, i) => {
            const inside = i + 1 > share(now.from) * BARS && i < share(now.to) * BARS;
            return <rect key={i} class={inside ? "bin" : "bin out"} x={i + 0.1} width={0.8} y={1 - count / most} height={count / most} />;
          })}
          {lit?.map((count, i) => <rect key={`l${i}`} class="bin lit" x={i + 0.1} width={0.8} y={1 - count / most} height={count / most} />)}
        </svg>
        <Handle end="from" all={all} now={now} share={share(now.from)} bar={bar} />
        <Handle end="to" all={all} now={now} share={share(now.to)} bar={bar} />
      </div>
      <p class="window">
        <span>{t("time.window", { from: minute(iso(now.from)), to: minute(iso(now.to)) })} UTC</span>
        <button type="button" class="quiet" disabled={span.value === null} onClick={() => go({ from: null, to: null })} data-testid="time-all">
          {t("time.all")}
        </button>
      </p>
    </section>
  );
}

interface HandleProps {
  end: End;
  all: Span;
  now: Span;
  share: number;
  bar: { current: HTMLDivElement | null };
}

function Handle({ end, all, now, share, bar }: HandleProps) {
  const move = (time: number, tell: boolean) => {
    const next = moved(all, now, end, time);
    set(all, next);
    if (tell) say(t("time.window", { from: minute(iso(next.from)), to: minute(iso(next.to)) }));
  };
  const key = (event: KeyboardEvent) => {
    const step = Math.max(1000, (all.to - all.from) / 100);
    const steps: Record<string, number> = {
      ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -10 * step, PageUp: 10 * step, Home: -Infinity, End: Infinity,
    };
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    move(now[end] + by, false);
  };
  const drag = (event: PointerEvent) => {
    const box = bar.current?.getBoundingClientRect();
    const target = event.currentTarget as HTMLElement;
    if (!box || box.width === 0 || !target.hasPointerCapture(event.pointerId)) return;
    move(all.from + ((event.clientX - box.left) / box.width) * (all.to - all.from), false);
  };
  return (
    <div
      class={`handle ${end}`}
      role="slider"
      tabIndex={0}
      aria-label={t(end === "from" ? "time.from" : "time.to")}
      aria-valuemin={Math.floor(all.from / 1000)}
      aria-valuemax={Math.floor(all.to / 1000)}
      aria-valuenow={Math.floor(now[end] / 1000)}
      aria-valuetext={minute(iso(now[end]))}
      style={{ left: `${share * 100}%` }}
      onKeyDown={key}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      data-testid={`time-${end}`}
    />
  );
}
