/** One thing that `overmind doctor` looks at, and how it says what it found. */
import type { DoctorCheck } from "../../../schemas/json-output.ts";

export function fine(name: string, message: string): DoctorCheck {
  return { name, state: "ok", message, advice: null };
}

/** It works, but not as it should, or not for long. */
export function odd(name: string, message: string, advice: string): DoctorCheck {
  return { name, state: "warn", message, advice };
}

/** Overmind does not work with it. */
export function broken(name: string, message: string, advice: string): DoctorCheck {
  return { name, state: "fail", message, advice };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
