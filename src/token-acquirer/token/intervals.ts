import type { Ms } from '../../core/token.ts';
import type { Clock } from '../../ports/clock.ts';
import type { CredentialSource } from '../../ports/credential-source.ts';
import { CredentialLooks } from './credential-looks.ts';

/** The intervals that users wrote into credential folders, `undefined` for none. */
export class Intervals extends CredentialLooks<Ms | undefined> {
  constructor({
    credentials,
    clock,
  }: {
    readonly credentials: Pick<CredentialSource, 'interval'>;
    readonly clock: Pick<Clock, 'monotonic'>;
  }) {
    super(clock, (credential) => credentials.interval(credential));
  }
}
