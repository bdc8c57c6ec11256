import type { Observed } from '../../../src/core/doctor/observed.ts';
import type { ObservedCall, ObservedMount, ObservedTrial } from '../../../src/core/doctor/observed-in-pods.ts';
import { CALL, healthyInstallation, IN_PODS, MOUNT } from '../../support/healthy-installation.ts';
import type { Plant } from './plant.ts';

export const withMount = (found: ObservedMount['found']): Observed =>
  healthyInstallation({ inPods: { ...IN_PODS, mounts: [{ ...MOUNT, found }] } });
export const withCall = (result: ObservedCall['result']): Observed =>
  healthyInstallation({ inPods: { ...IN_PODS, calls: [{ ...CALL, result }] } });
export const withTrial = (outcome: ObservedTrial['outcome'], message = 'The server said no.'): Observed =>
  healthyInstallation({ trials: [{ credential: 'dynamics', outcome, message }] });

export const IN_POD_PLANTS: readonly Plant[] = [
  {
    what: 'a pod with a token that was replaced',
    seen: withMount({ sha256: 'b'.repeat(64) }),
    check: 'mounted-file',
    says: /pod billing\/billing-1: Its container app has another \/var\/run\/tokens\/dynamics\.json than the Secret, where generation 7 was stored 1h ago/,
    fix: /kubectl -n billing describe pod billing-1, then kubectl -n billing delete pod billing-1/,
  },
  {
    what: 'a pod without the token that is stored',
    seen: withMount('missing'),
    check: 'mounted-file',
    says: /has no file \/var\/run\/tokens\/dynamics\.json/,
    fix: /delete pod billing-1/,
  },
  {
    what: 'a pod that cannot read its caller token',
    seen: withCall({ step: 'file', detail: '/var/run/caller/token (EACCES)' }),
    check: 'endpoint-call',
    says: /cannot read \/var\/run\/caller\/token \(EACCES\)/,
    fix: /kubectl -n billing describe pod billing-1/,
  },
  {
    what: 'a pod that cannot resolve the endpoint',
    seen: withCall({ step: 'name', detail: 'ENOTFOUND' }),
    check: 'endpoint-call',
    says: /cannot resolve the name of the reissue endpoint token-acquirer\.token-acquirer\.svc:443 \(ENOTFOUND\)/,
    fix: /port 53/,
  },
  {
    what: 'a pod that cannot connect to the endpoint',
    seen: withCall({ step: 'connection', detail: 'ETIMEDOUT' }),
    check: 'endpoint-call',
    says: /cannot connect .*ETIMEDOUT/,
    fix: /kubectl -n billing get networkpolicies, and the same with -n token-acquirer/,
  },
  {
    what: 'a pod with an old CA',
    seen: withCall({ step: 'certificate', detail: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
    check: 'endpoint-call',
    says: /does not trust the certificate .* with its ca\.crt/,
    fix: /without subPath/,
  },
  {
    what: 'a pod whose ServiceAccount is rejected',
    seen: withCall({ step: 'account', detail: '403' }),
    check: 'endpoint-call',
    says: /rejects its ServiceAccount billing-app for the token billing\/billing-tokens\/dynamics \(HTTP 403\)/,
    fix: /Add \{ namespace: billing, serviceAccount: billing-app \} to clients/,
  },
  {
    what: 'an endpoint that cannot answer',
    seen: withCall({ step: 'answer', detail: '503' }),
    check: 'endpoint-call',
    says: /cannot answer it \(HTTP 503\)/,
    fix: /kubectl -n token-acquirer get leases/,
  },
  {
    what: 'a credential that the authorization server rejects',
    seen: withTrial('failed'),
    check: 'credential-trial',
    says: /credential dynamics: The server said no\./,
    fix: /token-acquirer credentials set dynamics --namespace token-acquirer\. Then try it: .* credentials check dynamics$/,
  },
  {
    what: 'a credential that was rejected a moment ago',
    seen: withTrial('withheld'),
    check: 'credential-trial',
    says: /The server said no/,
    fix: /credentials set dynamics/,
  },
];
