/** Records as a caller may see them, with the live facts that are in no record. */
import type { SessionView } from "../../../schemas/session-view.ts";
import type { SessionRecord } from "../../core/session.ts";
import type { Services } from "../services.ts";
import { sessionView } from "../session-view.ts";

export function viewOf(services: Services, session: SessionRecord): SessionView {
  return sessionView(session, {
    nowMs: services.clock.now(),
    activity: services.activity.of(session.id),
    usage: services.usage.last().get(session.id),
    queuedMessages: services.store.messages(session.id, { unsettled: true }).length,
    attached: services.attachments.count(session.id),
  });
}
