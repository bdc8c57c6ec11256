import { type Prose, sentencesOf, wordsOf } from './prose.ts';

/** A word that readers stumble over, and what to write instead. */
export interface Word {
  readonly not: RegExp;
  readonly write: string;
}

/** The limit for a sentence of a document, in words. */
export const LONGEST_SENTENCE = 35;

/** One word for one thing, everywhere. Words inside code, addresses and quotations of commands do not count. */
export const WORDS: readonly Word[] = [
  { not: /(?<!-)\bauthorit(?:y|ies)\b(?! key)/i, write: 'CA' },
  {
    not: /\brights\b|\bright (?:to|over)\b|\b(?:the|a|its|this|that|no) right(?=[.,;:)]|$)/i,
    write: 'permission, RBAC',
  },
  { not: /(?<!\b(?:left|stands|lea(?:ve|ves|ving)(?: \S+){0,5}) )\balone\b/i, write: 'only' },
  { not: /\bof yours\b|\bof (?:its|their|our|his|one's) own\b(?! \p{L})/iu, write: 'your, its own' },
  { not: /\bat once\b/i, write: 'immediately; together' },
  { not: /(?<!\byou were )\b(?:told|tells)\b/i, write: 'reports, logs, shows' },
  { not: /\b(?:is|are|was|were|be) (?:not |no longer |still |already )?there\b(?! (?:is|are|a)\b)/i, write: 'exists' },
  { not: /\b(?:is|are|be|goes|not|all) well\b|\bill\b/i, write: 'healthy, unhealthy' },
  { not: /\bpresent (?:token|one|copy)\b/i, write: 'current' },
  { not: /\b(?:is|are|was|were|be|tak(?:e|es|en|ing)|took) (?:\S+ )?away\b/i, write: 'unavailable; removed' },
  { not: /\bwithdr(?:aws?|awn|ew|awing)\b/i, write: 'removed, revoked' },
  { not: /\bbeside\b/i, write: 'next to; compared with' },
  { not: /\bbut (?:for|from)\b/i, write: 'except' },
  { not: /\ball the same\b/i, write: 'anyway, still' },
  { not: /\blikewise\b/i, write: 'a repetition' },
  { not: /\bin vain\b/i, write: 'without success' },
  { not: /\bnought\b/i, write: 'zero' },
  { not: /\blest\b/i, write: 'so that … not' },
  { not: /\bwhoever\b/i, write: 'anyone who' },
  { not: /\bmeanwhile\b/i, write: 'in the meantime' },
  { not: /\bseldom\b/i, write: 'rarely' },
  { not: /\bfor ever\b/i, write: 'indefinitely' },
  { not: /\btaken up\b/i, write: 'loaded, picked up' },
  { not: /\bobey(?:s|ed|ing)?\b/i, write: 'honored' },
  { not: /\ba folder a\b|\ba file a\b/i, write: 'one folder per …, one file per …' },
  { not: /\bleast level\b/i, write: 'minimum log level' },
  { not: /\bfaults?\b/i, write: 'error, problem' },
  { not: /(?<!\bconnections? (?:is |are |was |were |be )?)\brefus(?:es?|ed|ing|als?)\b/i, write: 'rejects, denies' },
  { not: /\bis no (?:valid )?(?:name|key|address|number) of\b/i, write: 'is not a valid …' },
  { not: /\bout of order\b/i, write: 'returned a server error' },
  { not: /\bmend(?:s|ed|ing)?\b/i, write: 'fixed' },
  { not: /\bslips? of the pen\b/i, write: 'typo' },
  {
    not: /\b(?:behaviou|colou|favou|honou|neighbou)r|\blicence\b|\b(?:recogni|organi|initiali|seriali|authori|normali|minimi)s(?:e|ed|es|ing|ation)\b/i,
    write: 'American spelling',
  },
];

/** Returns a sentence for each word of the table in this text. */
export function wordFindings({ path, line, text }: Prose): string[] {
  return WORDS.flatMap(({ not, write }) => {
    const [found] = not.exec(text) ?? [];
    return found === undefined ? [] : [`${path}:${line} has "${found}"; write: ${write}. "${text.slice(0, 160)}"`];
  });
}

/** Returns a sentence for each one that is too long. */
export function longSentences({ path, line, text }: Prose): string[] {
  return sentencesOf(text)
    .map((sentence) => ({ sentence, words: wordsOf(sentence).length }))
    .filter(({ words }) => words > LONGEST_SENTENCE)
    .map(({ sentence, words }) => `${path}:${line} has a sentence of ${words} words: "${sentence.slice(0, 120)}…"`);
}
