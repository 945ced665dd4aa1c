/** The types that the scripts of the page share. Only `tsc` reads this file: browsers get the scripts as they are. */

/** A moment as the gateway writes it, RFC 3339. */
export type Moment = string;

export type Status = "queued" | "running" | "succeeded" | "failed" | "stopped";

/** Where an error is. */
export interface Source {
  file: string;
  line?: number;
  column?: number;
}

/** The newest state of a build: the body of the event `build`, see topics.md. */
export interface State {
  project: string;
  build: string;
  kind: string;
  status: Status;
  running: boolean;
  progress: number;
  errors: number;
  error: string | null;
  attempt: number;
  seq: number;
  worker: string | null;
  by: string | null;
  priority: "normal" | "high";
  script: { seconds: number; steps: number; errors: number[] } | null;
  stopping: boolean;
  stoppedBy: string | null;
  ahead: number | null;
  lost: boolean;
  published: Moment;
  queued: Moment | null;
  notBefore: Moment | null;
  started: Moment | null;
  ended: Moment | null;
  expectedEnd: Moment | null;
  job?: string;
  parameters?: Record<string, string>;
  title?: string;
  phase?: string;
  done?: number;
  total?: number;
  indeterminate?: boolean;
  exitCode?: number;
  url?: string;
  source?: Source;
}

/** The builds that a page has, by `project/build`. */
export type Builds = Map<string, State>;

/** What names a build. */
export interface BuildPlace {
  project: string;
  build: string;
}

/** Where a page is. */
export interface Place {
  project: string | null;
  build: string | null;
  filter: string;
}

/** An answer to `watch`. */
export interface Snapshot {
  builds: State[];
  more: boolean;
  after?: string;
}

/** The body of the event `log`. */
export interface Log {
  project: string;
  build: string;
  [more: string]: unknown;
}

/** The body of the event `feed`: how live the gateway is. */
export interface Feed {
  broker: "up" | "down";
  commands: "up" | "down";
  history: "up" | "down";
  workers: number | null;
  recorder_lag_ms: number;
  time?: Moment;
  pid?: number;
  merged?: number;
}

/** How live a page is, in words. */
export interface Liveness {
  live: boolean;
  well: boolean;
  workers: number | null;
  state: "live" | "impeded" | "waiting" | "out" | "down";
  text: string;
  detail: string;
}

/** What a connection tells. */
export interface Hear {
  opened(): void;
  closed(): void;
  build(state: State): void;
  log?(log: Log): void;
  feed(feed: Feed): void;
  refused(message: string, code?: string): void;
  troubled(message: string, answered: boolean): void;
}

/** The same, and what a page hears when it has asked for a snapshot. */
export interface HearAll extends Hear {
  snapshot(snapshot: Snapshot, number: number): void;
  unanswered(number: number): void;
}

/** What becomes of one question for a snapshot. */
export interface SnapshotAnswer {
  build(state: State): void;
  snapshot(snapshot: Snapshot): void;
  refused(message: string, code?: string): void;
  unanswered(): void;
}

/** A connection, as a page has it. */
export interface Connection {
  ask(number: number): void;
  renew(): void;
  is(identity: string): void;
  again(identity: string): void;
  pause(): void;
  resume(): void;
  close?(): void;
}

/** A connection, as it is. */
export interface Socket {
  ask(filters: string[], answer: SnapshotAnswer): void;
  leave(filters: string[], left: (watching: string[]) => void): void;
  renew(): void;
  again(): void;
  close(): void;
}

/** What is kept of the choice of a transport. */
export interface KeptChoice {
  doubts: number;
  until: number;
}

export interface Memory {
  recall(): KeptChoice | null;
  remember(kept: KeptChoice | null): void;
}

export type Transport = "websocket" | "polling";

export interface Choice {
  first: Transport;
  suspect: Transport | null;
  doubts: number;
}

/** The state of the connection of a page: see live/link.js. */
export interface Link {
  whole: boolean;
  ask: number | null;
  connected: boolean;
  known: boolean;
  asked: number;
  missed: number;
  askedAt: number;
  heardAt: number;
  liveAt: number;
  feed: Feed;
  frozen: boolean;
  refusal: string | null;
  patience: number;
}

/** A problem of the gateway, RFC 9457. */
export interface Problem {
  type: string;
  title?: string;
  detail?: string;
  status?: number;
  errors?: unknown;
}

/** Words of ours with texts of others between them. */
export interface Phrase {
  words: string[];
  others: string[];
}

/** What is counted of a project. */
export interface ProjectCounts {
  project: string;
  running: number;
  lost: number;
  queued: number;
  delayed: number;
  newest: State;
}

/** A message between a tab and the connection of all tabs: a name, and what belongs to it. */
export type Message = [name: string, ...given: unknown[]];

/** A tab, as the connection of all tabs knows it. */
export interface Tab {
  post(message: Message): void;
  filters: string[];
  paused: boolean;
}
