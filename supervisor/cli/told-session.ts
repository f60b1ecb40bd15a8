/**
 * What has been told of a session that is followed: what is seen twice (as a change, and in the session as it is after
 * a lost connection) is told once, and what was missed meanwhile is told after all. Does no I/O.
 */
import type { NotificationParams } from "../../schemas/client-protocol.ts";
import type { MessageView, SessionView, TransitionView } from "../../schemas/session-view.ts";

export type SessionChange = NotificationParams<"session/change">["changes"][number];

/** A line of `overmind subscribe`. */
export type ToldLine = { readonly sessionId: string; readonly sessionName: string } & (
  | SessionChange
  | { readonly type: "session"; readonly session: SessionView }
);

export interface SeenSession {
  readonly session: SessionView;
  readonly transitions: readonly TransitionView[];
  readonly messages: readonly MessageView[];
}

type TransitionChange = Extract<SessionChange, { type: "transition" }>;

export class ToldSession {
  readonly #id: string;
  #name: string;
  #hasBegun = false;
  #lastTransition = "";
  /** Those of the last look: they may come as changes as well. */
  #seenTransitions: ReadonlySet<string> = new Set();
  #activity: SessionView["activity"] = null;
  readonly #messageStates = new Map<string, string>();

  constructor({ id, name }: { readonly id: string; readonly name: string }) {
    this.#id = id;
    this.#name = name;
  }

  /** The session as it is: the first line, or whatever has changed since the last look and the changes after it. */
  look({ session, transitions, messages }: SeenSession, nowMs: number): ToldLine[] {
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    this.#name = session.name;
    const missed = [
      ...this.#missedTransitions(transitions),
      ...(session.activity === null ? [] : this.#activityChange(session.activity, iso(nowMs))),
      ...messages.flatMap((message) => this.#messageChange(message, message.deliveredAt ?? message.createdAt)),
    ];
    this.#activity = session.activity;
    return isFirst ? [this.#line({ type: "session", session })] : missed.map((change) => this.#line(change));
  }

  /** Nothing when it has been told before. */
  change(change: SessionChange): ToldLine[] {
    return this.#fresh(change).map((one) => this.#line(one));
  }

  /** It was removed while nobody was connected. */
  gone(nowMs: number): ToldLine {
    return this.#line({ type: "removed", at: iso(nowMs) });
  }

  #fresh(change: SessionChange): SessionChange[] {
    switch (change.type) {
      case "transition": {
        const key = keyOf(change);
        if (this.#seenTransitions.has(key)) return [];
        this.#lastTransition = key;
        return [change];
      }
      case "activity":
        return this.#activityChange(change.activity, change.at);
      case "message":
        return this.#messageChange(change.message, change.at);
      case "removed":
      case "end":
        return [change];
    }
  }

  #missedTransitions(transitions: readonly TransitionView[]): TransitionChange[] {
    const changes = transitions.map(
      ({ at, from, to, attempt, reason }): TransitionChange => ({ type: "transition", at, from, to, attempt, reason }),
    );
    const keys = changes.map(keyOf);
    // Where the last one is no longer kept, all that are kept came after it.
    const missed = changes.slice(keys.lastIndexOf(this.#lastTransition) + 1);
    this.#lastTransition = keys.at(-1) ?? this.#lastTransition;
    this.#seenTransitions = new Set(keys);
    return missed;
  }

  #activityChange(activity: string, at: string): SessionChange[] {
    if (activity === this.#activity) return [];
    this.#activity = activity as SessionView["activity"];
    return [{ type: "activity", at, activity }];
  }

  #messageChange(message: MessageView, at: string): SessionChange[] {
    if (this.#messageStates.get(message.id) === message.state) return [];
    this.#messageStates.set(message.id, message.state);
    return [{ type: "message", at, message }];
  }

  #line<L extends SessionChange | { readonly type: "session"; readonly session: SessionView }>(line: L) {
    return { ...line, sessionId: this.#id, sessionName: this.#name };
  }
}

/** Changes carry no id; within a session no two transitions are the same in all of these. */
function keyOf({ at, from, to, attempt, reason }: TransitionChange): string {
  return [at, from, to, attempt, reason].join(" ");
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
