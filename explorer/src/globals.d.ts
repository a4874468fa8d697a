interface Window {
  /** Only under `?test=1`: where a node is on the page, and what draws it. */
  __graphmlTest?: {
    nodePosition: (id: string) => { x: number; y: number } | null;
    inner: () => unknown;
  };
}
