import { z } from 'zod';
import { COPY_FORMS, meaningOf } from '../../core/token-copies.ts';
import { documentKey } from '../../core/token-volume.ts';
import { fileName, section } from '../forms/value-forms.ts';

const forms = COPY_FORMS.map((form) => `\`${form}\`: ${meaningOf(form)}`).join('; ');

const copySchema = section({
  key: fileName('a key')
    .refine(
      (key) => !key.endsWith(documentKey('')),
      'must not end with .json, which is the end of the keys that describe a token',
    )
    .refine((key) => key !== 'ca.crt', 'is reserved for the CA certificate')
    .meta({ not: { pattern: '[.][.]|[.]json$|^ca[.]crt$' } })
    .describe('Key in the same Secret.'),
  form: z.enum(COPY_FORMS).describe(`What the key holds. ${forms}.`),
});

/** Further keys of the Secret with the token. */
export const copiesSchema = z.array(copySchema);
