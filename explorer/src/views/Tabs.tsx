import type { ComponentChildren } from "preact";

interface Props<Id extends string> {
  name: string;
  label: string;
  tabs: { id: Id; text: string; count?: string }[];
  active: Id;
  onPick: (id: Id) => void;
  children: ComponentChildren;
}

/** Tabs by the pattern of ARIA: one stop of the Tab key, arrows move. */
export function Tabs<Id extends string>({ name, label, tabs, active, onPick, children }: Props<Id>) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const here = tabs.findIndex((tab) => tab.id === active);
    const next = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : (here + step + tabs.length) % tabs.length;
    if (step === 0 && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    onPick(tabs[next].id);
    document.getElementById(`${name}-tab-${tabs[next].id}`)?.focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${name}-tab-${tab.id}`}
            aria-selected={tab.id === active}
            aria-controls={`${name}-body`}
            tabIndex={tab.id === active ? 0 : -1}
            onClick={() => onPick(tab.id)}
            data-testid={`${name}-${tab.id}`}
          >
            {tab.text}
            {tab.count !== undefined && <span class="tally">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div class="tab-body" role="tabpanel" id={`${name}-body`} aria-labelledby={`${name}-tab-${active}`} tabIndex={0}>
        {children}
      </div>
    </>
  );
}
