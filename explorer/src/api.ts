/** Shapes of the service's answers. Ids are data and may hold any text. */

export type Role = "viewer" | "analyst" | "admin";
export type Verdict = "confirm" | "dismiss";
export type CaseState = "open" | "waiting" | "resolved";

export interface Run {
  run_id: string;
  as_of: string;
  finished: string | null;
  model: string | null;
  rings: number;
}

export interface Session {
  user: string;
  role: Role;
  auth: "none" | "key" | "oidc";
  four_eyes: boolean;
  version: string;
  store: string;
  as_of: string | null;
  run: Run | null;
  models: { fraud: string | null; recommend: string | null };
  nodes: string[];
  identifiers: string[];
  event_kinds: string[];
  ring_kinds: string[];
  /** Codes that are a reason for each verdict. */
  case_codes: Record<Verdict, string[]>;
  /** Another text after every change of a case or a decision, wherever it was made. */
  changed: string;
}

export interface CaseBrief {
  case_id: string;
  state: CaseState;
  assignee: string | null;
}

export interface RingRow {
  ring_id: string;
  rank: number;
  kind: string;
  status: string;
  score: number;
  score_kind: string;
  members: number;
  flagged: number;
  amount_gross: number;
  amount_net: number;
  currency: string | null;
  first: string;
  last: string;
  decision: Verdict | null;
  case: CaseBrief | null;
  reason: string | null;
}

export interface RingPage {
  run: Run | null;
  total: number;
  rings: RingRow[];
  next: string | null;
}

/** Ids of events that the service names with a reason at most; the reason's text counts all. */
export const MOST_REASON_EVENTS = 50;

export interface Reason {
  code: string;
  text: string;
  event_ids: string[];
}

export interface RingMember {
  member_id: string;
  score: number;
  role: string;
}

export interface SharedValue {
  type: string;
  id: string;
  members: number;
  events: number;
  first: string;
  last: string;
  surprise: number | null;
}

export interface Product {
  product_id: string;
  members: number;
  events: number;
  amount: number | null;
  reviews: number;
  mean_rating: number | null;
  seller_id: string | null;
  category: string | null;
}

export interface GraphNode {
  id: string;
  type: string;
  key: string;
  role: string | null;
  score: number | null;
  surprise: number | null;
  degree: number;
  flagged: boolean | null;
}

export interface GraphEvent {
  event_id: string;
  time: string;
  kind: string;
  member_id: string;
  product_id?: string | null;
  device_id?: string | null;
  address_id?: string | null;
  ip?: string | null;
  card?: string | null;
  phone?: string | null;
  email?: string | null;
  amount?: number | null;
  currency?: string | null;
  order_id?: string | null;
  rating?: number | null;
}

export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  relation: string;
  events: number;
  first: string;
  last: string;
  amount: number | null;
  kinds: Record<string, number>;
  event_ids: string[];
}

export interface GraphData {
  nodes: GraphNode[];
  events: GraphEvent[];
  edges: GraphEdge[];
  events_total: number;
  truncated: boolean;
}

export interface Ring {
  ring_id: string;
  rank: number;
  kind: string;
  status: string;
  score: number;
  score_kind: string;
  members: RingMember[];
  shared: SharedValue[];
  amount_gross: number;
  amount_net: number;
  currency: string | null;
  first: string;
  last: string;
  as_of: string;
  model: string | null;
  reasons: Reason[];
  counter_evidence: Reason[];
  decision: Verdict | null;
  run: Run;
  /** The latest case, in brief; `GET /cases/{id}` has the rest. */
  case: CaseBrief | null;
  graph: GraphData;
  products: Product[];
}

export interface Neighborhood {
  node: GraphNode;
  total: number;
  offset: number;
  graph: GraphData;
  as_of: string;
}

export interface Member {
  member_id: string;
  score: number | null;
  score_kind: string | null;
  model: string | null;
  as_of: string;
  first: string | null;
  last: string | null;
  events: number;
  opted_out: boolean;
  decision: Verdict | null;
  rings: { ring_id: string; kind: string; role: string; score: number }[];
  identifiers: { type: string; id: string; members: number; events: number; first: string; last: string }[];
  amounts: { currency: string | null; gross: number; refunded: number }[];
  recent: GraphEvent[];
}

export interface Proposal {
  verdict: Verdict;
  code: string | null;
  comment: string | null;
  by: string;
  time: string;
}

export interface HistoryEntry {
  time: string;
  by: string;
  action: string;
  text: string | null;
}

export interface Case extends CaseBrief {
  unit: string;
  id: string;
  opened_by: string;
  opened: string;
  updated: string;
  version: number;
  verdict: Verdict | null;
  code: string | null;
  comment: string | null;
  proposal: Proposal | null;
  decided_by: string[] | null;
  history?: HistoryEntry[];
}

export interface CasePage {
  cases: Case[];
  next: string | null;
}

export interface Decision {
  unit: string;
  id: string;
  verdict: Verdict;
  reason: string;
  by: string;
  time: string;
}

export interface Picture {
  name: string;
  title: string;
  /** What the picture shows, in words. */
  alt: string;
}

export interface ProblemBody {
  title?: string;
  status?: number;
  detail?: string;
  hint?: string;
  request_id?: string;
}
