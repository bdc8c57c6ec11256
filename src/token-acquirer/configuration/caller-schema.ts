import { either, file, label, objectName, section, together } from '../forms/value-forms.ts';

/** A caller of the reissue endpoint: a ServiceAccount, or without a cluster a name with a file. */
export const callerSchema = section({
  namespace: label.optional().describe('Namespace of the ServiceAccount.'),
  serviceAccount: objectName.optional().describe('Name of the ServiceAccount whose pods call.'),
  name: label.optional().describe('Without a cluster: name of the caller.'),
  tokenFile: file
    .optional()
    .describe("Without a cluster: file with the caller's own bearer token, at least 16 characters."),
})
  .refine(
    ({ namespace, serviceAccount }) => (namespace === undefined) === (serviceAccount === undefined),
    'needs namespace and serviceAccount together',
  )
  .refine(
    ({ name, tokenFile }) => (name === undefined) === (tokenFile === undefined),
    'needs name and tokenFile together',
  )
  .refine(
    ({ serviceAccount, name }) => (serviceAccount === undefined) !== (name === undefined),
    'needs either namespace and serviceAccount, or name and tokenFile',
  )
  .meta({
    oneOf: either('serviceAccount', 'name'),
    dependencies: { ...together('namespace', 'serviceAccount'), ...together('name', 'tokenFile') },
  });
