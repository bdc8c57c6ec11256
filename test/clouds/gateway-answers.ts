import type { AuthorizedFetchOptions } from '../../src/client/index.ts';
import type { VendorAnswer } from './vendor-answer.ts';

/**
 * What becomes of a call that is answered so. `cured`: the client sends it again with a new token. `without success`: the
 * client sends it again too, but the new token is answered alike, and the caller gets that. `left alone`: the caller gets
 * the answer immediately, and no token is requested.
 */
export type Outcome = 'cured' | 'without success' | 'left alone';

type Rules = Pick<AuthorizedFetchOptions, 'tokenErrors'>;

export interface GatewayCase {
  readonly what: string;
  readonly answer: VendorAnswer;
  readonly outcome: Outcome;
  /** The options for the client on the page of this cloud. */
  readonly options?: Rules;
}

/**
 * https://learn.microsoft.com/azure/api-management/validate-azure-ad-token-policy: 401 by default, the message by what is
 * wrong, no challenge. https://learn.microsoft.com/azure/api-management/api-management-error-handling-policies has the
 * messages; https://learn.microsoft.com/azure/api-management/rate-limit-policy the 429.
 */
const managed = (statusCode: number, message: string, headers: Record<string, string> = {}): VendorAnswer => ({
  status: statusCode,
  headers,
  body: { statusCode, message },
});
const SUBSCRIPTION =
  'Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.';

/** For a policy whose `failed-validation-httpcode` is 403, and one that has a header put in by `on-error`. */
export const API_MANAGEMENT_RULES: Rules = {
  tokenErrors: [
    { status: 403, body: /"(?:JWT not present\.|.*Access token is missing or invalid)/ },
    {
      status: 403,
      header: { name: 'ErrorReason', value: /^Token(?:Expired|NotPresent|SignatureInvalid|SignatureKeyNotFound)$/ },
    },
  ],
};

export const API_MANAGEMENT: readonly GatewayCase[] = [
  {
    what: 'an expired token',
    answer: managed(401, 'IDX10223: Lifetime validation failed. The token is expired. Access denied.'),
    outcome: 'cured',
  },
  { what: 'no token', answer: managed(401, 'JWT not present.'), outcome: 'cured' },
  {
    what: 'a token of another key',
    answer: managed(401, 'IDX10511: Signature validation failed. Access denied.'),
    outcome: 'cured',
  },
  {
    what: 'a bad token, with a message of its owner',
    answer: managed(401, 'Unauthorized. Access token is missing or invalid.'),
    outcome: 'cured',
  },
  {
    what: 'a bad token, with 403 in the policy and no rule in the client',
    answer: managed(403, 'Unauthorized. Access token is missing or invalid.'),
    outcome: 'left alone',
  },
  {
    what: 'a bad token, with 403 in the policy and a rule for its message',
    answer: managed(403, 'Unauthorized. Access token is missing or invalid.'),
    outcome: 'cured',
    options: API_MANAGEMENT_RULES,
  },
  {
    what: 'an expired token, with a rule for the header of its on-error section',
    answer: managed(403, 'Forbidden', { errorreason: 'TokenExpired' }),
    outcome: 'cured',
    options: API_MANAGEMENT_RULES,
  },
  {
    what: 'a token without a claim that is required, under the same rules',
    answer: managed(403, 'JWT token is missing the following claims: roles. Access denied.', {
      errorreason: 'TokenClaimNotFound',
    }),
    outcome: 'left alone',
    options: API_MANAGEMENT_RULES,
  },
  {
    what: 'a missing subscription key, which no token cures',
    answer: managed(401, SUBSCRIPTION, {
      'www-authenticate':
        'AzureApiManagementKey realm="https://contoso.azure-api.net/incidents",name="Ocp-Apim-Subscription-Key",type="header"',
    }),
    outcome: 'without success',
  },
  {
    what: 'too many calls',
    answer: managed(429, 'Rate limit is exceeded. Try again in 12 seconds.', { 'retry-after': '12' }),
    outcome: 'left alone',
  },
  {
    what: 'a quota that is used up',
    answer: managed(403, 'Out of call volume quota. Quota will be replenished in 00:12:00.'),
    outcome: 'left alone',
  },
];

const AUTHORIZATION_URI =
  'authorization_uri=https://login.microsoftonline.com/2d3b6a9e-4a0e-4a61-9a52-0c1d2e3f4a5b/oauth2/authorize';
const RESOURCE = 'resource_id=https://contoso.crm4.dynamics.com/';
const fault = (code: string, message: string): object => ({ error: { code, message } });

/**
 * The challenge is the one that Microsoft's own clients read the tenant from, without quotes
 * (https://learn.microsoft.com/power-apps/developer/data-platform/authenticate-oauth); errors are as
 * https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors and
 * https://learn.microsoft.com/power-apps/developer/data-platform/api-limits have them.
 */
export const DATAVERSE_ANSWERS: readonly GatewayCase[] = [
  {
    what: 'an expired token',
    answer: { status: 401, headers: { 'www-authenticate': `Bearer ${AUTHORIZATION_URI}, ${RESOURCE}` } },
    outcome: 'cured',
  },
  {
    what: 'a bad token, with its error named and nothing in quotes',
    answer: {
      status: 401,
      headers: {
        'www-authenticate': `Bearer error=invalid_token, error_description=Error during token validation!, ${AUTHORIZATION_URI}, ${RESOURCE}`,
      },
      body: 'HTTP Error 401 - Unauthorized: Access is denied',
    },
    outcome: 'cured',
  },
  {
    what: 'a client that is no application user',
    answer: { status: 403, body: fault('0x80072560', 'The user is not a member of the organization.') },
    outcome: 'left alone',
  },
  {
    what: 'an application user without a role',
    answer: { status: 403, body: fault('0x80040220', 'Principal user is missing prvReadIncident privilege.') },
    outcome: 'left alone',
  },
  {
    what: 'too many calls',
    answer: {
      status: 429,
      headers: { 'retry-after': '17' },
      body: fault('0x80072322', 'Number of requests exceeded the limit of 6000 over time window of 300 seconds.'),
    },
    outcome: 'left alone',
  },
];

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html */
const jwtRefused = (description: string): VendorAnswer => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer scope="" error="invalid_token" error_description="${description}"` },
  body: { message: 'Unauthorized' },
});

export const HTTP_API: readonly GatewayCase[] = [
  { what: 'an expired token', answer: jwtRefused('the token has expired'), outcome: 'cured' },
  { what: 'a bad token', answer: jwtRefused('signature is invalid'), outcome: 'cured' },
  {
    what: 'no token',
    answer: { status: 401, headers: { 'www-authenticate': 'Bearer' }, body: { message: 'Unauthorized' } },
    outcome: 'cured',
  },
  {
    what: 'a token for another audience, which no other token cures',
    answer: jwtRefused('the token does not have a valid audience'),
    outcome: 'without success',
  },
  {
    what: 'a token without the scope of the route',
    answer: {
      status: 403,
      headers: { 'www-authenticate': 'Bearer scope="incidents/write" error="insufficient_scope"' },
      body: { message: 'Forbidden' },
    },
    outcome: 'left alone',
  },
  { what: 'too many calls', answer: { status: 429, body: { message: 'Too Many Requests' } }, outcome: 'left alone' },
];

/** For a custom authorizer whose "deny" is 403 also for a token that has expired. */
export const REST_API_RULES: Rules = {
  tokenErrors: [{ status: 403, body: /"User is not authorized to access this resource/ }],
};

const rest = (status: number, message: string, type: string): VendorAnswer => ({
  status,
  headers: { 'x-amzn-errortype': type },
  body: { message },
});

/**
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html: UNAUTHORIZED,
 * ACCESS_DENIED, THROTTLED; the message of a token that has expired is as public reports quote it.
 */
export const REST_API: readonly GatewayCase[] = [
  {
    what: 'an expired token, before a Cognito authorizer',
    answer: rest(401, 'The incoming token has expired', 'UnauthorizedException'),
    outcome: 'cured',
  },
  { what: 'a bad token', answer: rest(401, 'Unauthorized', 'UnauthorizedException'), outcome: 'cured' },
  {
    what: 'a Lambda authorizer that denies, and no rule in the client',
    answer: rest(403, 'User is not authorized to access this resource', 'AccessDeniedException'),
    outcome: 'left alone',
  },
  {
    what: 'a Lambda authorizer that denies, and a rule for its message',
    answer: rest(403, 'User is not authorized to access this resource with an explicit deny', 'AccessDeniedException'),
    outcome: 'cured',
    options: REST_API_RULES,
  },
  {
    what: 'a missing API key, under the same rule',
    answer: rest(403, 'Forbidden', 'ForbiddenException'),
    outcome: 'left alone',
    options: REST_API_RULES,
  },
  { what: 'too many calls', answer: rest(429, 'Too Many Requests', 'TooManyRequestsException'), outcome: 'left alone' },
];

/** As measured on Envoy 1.40 with `jwt_authn`: test/real. */
export const ENVOY: readonly GatewayCase[] = [
  {
    what: 'a bad token',
    answer: {
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="https://gateway.example.com/incidents", error="invalid_token"' },
      body: 'Jwt is expired',
    },
    outcome: 'cured',
  },
  {
    what: 'no token',
    answer: {
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="https://gateway.example.com/incidents"' },
      body: 'Jwt is missing',
    },
    outcome: 'cured',
  },
  {
    what: 'a rule of its RBAC filter',
    answer: { status: 403, body: 'RBAC: access denied' },
    outcome: 'left alone',
  },
];
