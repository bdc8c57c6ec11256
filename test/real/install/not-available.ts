/** Why a real part cannot be had on this machine, and what would change that: its tests are skipped. */
export class NotAvailable extends Error {
  override readonly name = 'NotAvailable';

  /** `why` goes on from "Its tests are skipped: …". */
  constructor(part: string, why: string, command: string) {
    super(`${part} cannot be had here, so its tests are skipped: ${why}. To have them run: ${command}`);
  }
}
