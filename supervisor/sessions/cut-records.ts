import { RECORD_HEADER_BYTES } from "../../schemas/segment.ts";

/** Cuts whole records into pieces of whole records, each at most `mostBytes` long or one record. Copies nothing. */
export function cutRecords(records: Uint8Array, mostBytes: number): Uint8Array[] {
  if (records.length <= mostBytes) return [records];
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const pieces: Uint8Array[] = [];
  let begin = 0;
  let end = 0;
  while (end + RECORD_HEADER_BYTES <= records.length) {
    const next = end + RECORD_HEADER_BYTES + view.getUint32(end + 4, true);
    if (next - begin > mostBytes && end > begin) {
      pieces.push(records.subarray(begin, end));
      begin = end;
    }
    end = next;
  }
  pieces.push(records.subarray(begin));
  return pieces;
}
