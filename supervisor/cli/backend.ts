/** One connection to the supervisor, as the commands need it. */
import type {
  ClientNotification,
  MethodName,
  NotificationParams,
  Params,
  ResultOf,
} from "../../schemas/client-protocol.ts";

/** What comes unasked of one subscription, in order. */
export interface SubscriptionHandler {
  data?(attempt: number, offset: number, records: Buffer): void;
  dropped?(attempt: number, offset: number): void;
  end?(reason: NotificationParams<"log/end">["reason"]): void;
  events?(events: NotificationParams<"event/new">["events"]): void;
}

export interface Backend {
  readonly supervisor: { readonly version: string; readonly buildId: string; readonly pid: number };
  /** Throws FaultError; code `unconfirmed` when the connection broke before the answer. */
  request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>>;
  notify(method: ClientNotification, params: { readonly subscription: number; readonly bytes: number }): void;
  /** From now on, until the connection is lost or closed. */
  subscribe(subscription: number, handler: SubscriptionHandler): void;
  /** Resolves when the connection is lost or closed. */
  readonly lost: Promise<void>;
  close(): void;
}
