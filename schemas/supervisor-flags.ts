/**
 * V8 flags of the supervisor. V8 lets its nursery grow to 16 MiB a half while work comes in bursts, and gives it back late
 * or never; the supervisor is there for days, mostly idle. The process host has no such flag: a terminal costs it some
 * kilobytes, and a flood of long lines goes through it a tenth faster without.
 */
export const SUPERVISOR_FLAGS: readonly string[] = ["--max-semi-space-size=1"];
