import { Component, type ComponentChildren } from "preact";
import { explain, t } from "../state/store";

interface Props {
  /** What is drawn: with another one, what failed before is tried anew. */
  of: string | null;
  children: ComponentChildren;
}

/** A part of the page that fails says so, and the rest of the page stands. */
export class Guard extends Component<Props, { error: unknown; of: string | null }> {
  state = { error: null as unknown, of: null as string | null };

  componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ error, of: this.props.of });
  }

  render({ of, children }: Props, { error, of: failed }: { error: unknown; of: string | null }) {
    if (error === null || failed !== of) return children;
    return (
      <p class="empty bad" role="alert">
        {t("app.broken", { detail: explain(error) })}
      </p>
    );
  }
}
