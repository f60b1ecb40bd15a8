import { expect, test } from "vitest";
import { fault } from "../../schemas/fault.ts";
import { faultOf } from "../contracts/store-calls.ts";
import { storeContract } from "../contracts/store-contract.ts";
import { createMemoryStore } from "./memory-store.ts";
import { sessionRecord } from "./session-record.ts";

storeContract("the store in memory", () => {
  const store = createMemoryStore();
  return { store, dispose: () => store.close() };
});

test("the store in memory fails writes on demand, and none of them leaves a trace", () => {
  const store = createMemoryStore();
  store.failWrites(fault("disk-full", "no space left"));
  expect(faultOf(() => store.createSession(sessionRecord(), "asked for")).code).toBe("disk-full");
  expect(store.sessions()).toEqual([]);
  store.failWrites(undefined);
  expect(store.createSession(sessionRecord(), "asked for").revision).toBe(1);
});
