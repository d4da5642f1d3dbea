/** The live feed of the dashboard: a snapshot, then deltas; reconnects by itself and says when it is old. */

import type { Delta, Overview, Point, RequestSummary } from "@/api/types";
import { session } from "@/session/store";

export type FeedStatus = "connecting" | "live" | "stale";

export interface FeedState {
  status: FeedStatus;
  data: Overview | null;
  /** Unix ms of the latest message. */
  heardAt: number | null;
  /** Ids that came with the latest delta. */
  fresh: ReadonlySet<string>;
}

const RECENT = 20;
const POINTS = 60;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 15_000;
const UNAUTHENTICATED = 4401;

export type FeedMessage = { type: "snapshot"; data: Overview } | { type: "delta"; data: Delta };

export function apply(data: Overview | null, message: FeedMessage): Overview | null {
  if (message.type === "snapshot") return message.data;
  if (data === null) return null; // a delta of nothing: the snapshot comes first
  const delta = message.data;
  return {
    today: delta.today,
    in_flight: delta.in_flight,
    active_clients: delta.active_clients,
    series: { ...data.series, points: withPoint(data.series.points, delta.minute) },
    top_models: delta.top_models ?? data.top_models,
    top_clients: delta.top_clients ?? data.top_clients,
    recent: withRecent(data.recent, delta.recent),
  };
}

/** The minute that is running replaces itself; a new one pushes the oldest out. */
function withPoint(points: readonly Point[], point: Point): Point[] {
  const known = points.findIndex((p) => p.at === point.at);
  if (known >= 0) return points.map((p, index) => (index === known ? point : p));
  return [...points, point].slice(-POINTS);
}

function withRecent(recent: readonly RequestSummary[], fresh: readonly RequestSummary[]): RequestSummary[] {
  const ids = new Set(fresh.map((row) => row.id));
  return [...fresh, ...recent.filter((row) => !ids.has(row.id))].slice(0, RECENT);
}

/** Doubling, with jitter, so that many browsers do not come back at once. */
export function waitMs(failures: number, random: () => number = Math.random): number {
  const most = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  return most / 2 + (most / 2) * random();
}

export class Feed {
  private state: FeedState = { status: "connecting", data: null, heardAt: null, fresh: new Set() };
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private users = 0;

  readonly get = (): FeedState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    if (++this.users === 1) this.open();
    return () => {
      this.listeners.delete(listener);
      if (--this.users === 0) this.close();
    };
  };

  /** Without waiting for the next try. */
  readonly reconnect = (): void => {
    if (this.users === 0 || this.socket?.readyState === WebSocket.OPEN) return;
    this.close();
    this.failures = 0;
    this.open();
  };

  private open(): void {
    const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${window.location.host}/admin/ws`);
    this.socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => this.hear(event.data);
    socket.onclose = (event) => {
      if (this.socket === socket) void this.lost(event.code);
    };
    window.addEventListener("online", this.reconnect);
  }

  private close(): void {
    clearTimeout(this.timer);
    window.removeEventListener("online", this.reconnect);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private hear(text: string): void {
    const message = JSON.parse(text) as FeedMessage;
    this.failures = 0;
    const fresh = message.type === "delta" ? message.data.recent.map((row) => row.id) : [];
    this.set({
      status: "live",
      data: apply(this.state.data, message),
      heardAt: Date.now(),
      fresh: fresh.length > 0 ? new Set(fresh) : this.state.fresh,
    });
  }

  private async lost(code: number): Promise<void> {
    this.socket = null;
    this.set({ ...this.state, status: this.state.data ? "stale" : "connecting" });
    if (code === UNAUTHENTICATED) {
      if (!(await session.renewed()) || this.users === 0) return;
      this.failures = 0;
      this.open();
      return;
    }
    this.timer = setTimeout(() => this.open(), waitMs(this.failures++));
  }

  private set(state: FeedState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

export const feed = new Feed();
