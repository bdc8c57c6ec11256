import { childrenOf, nameOf, nodeOf, type SyntaxNode, type Visit } from './syntax.ts';

/** The globals that reach the clock, random numbers or the outside world without an import. */
const AMBIENT = new Set([
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'eval',
  'fetch',
  'global',
  'globalThis',
  'navigator',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
  'Temporal',
  'WebSocket',
]);

/** The nodes whose names begin as those of types do, but which are expressions. */
const TYPED_EXPRESSIONS = new Set([
  'TSAsExpression',
  'TSInstantiationExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
]);

/** Returns the name of the global that this node uses, if it is one of them. */
export function ambientUses({ node, parent }: Visit): string[] {
  if (node.type === 'ImportExpression') return ['import()'];
  if (node.type === 'MetaProperty' && nameOf(node['meta']) === 'import') return ['import.meta'];
  if (node.type !== 'Identifier' || parent === undefined || !isUsed(node, parent)) return [];
  const name = nameOf(node) ?? '';
  if (AMBIENT.has(name)) return [name];
  const member =
    parent.type === 'MemberExpression' && parent['object'] === node ? nameOf(parent['property']) : undefined;
  if (name === 'Math') return member === undefined || member === 'random' ? [`Math.${member ?? '*'}`] : [];
  if (name === 'Date') return isTimeless(parent, member) ? [] : [member === undefined ? 'Date' : `Date.${member}`];
  return [];
}

function isUsed(node: SyntaxNode, parent: SyntaxNode): boolean {
  if (parent.type.startsWith('TS') && !TYPED_EXPRESSIONS.has(parent.type)) return false;
  const isMember = parent['property'] === node && parent['computed'] !== true;
  const isKey = parent['key'] === node && parent['computed'] !== true && parent['shorthand'] !== true;
  return !isMember && !isKey && parent['local'] !== node && parent['imported'] !== node;
}

/** Returns whether this use only converts: `new Date(time)`, `Date.parse`, `Date.UTC` or `instanceof Date`. */
function isTimeless(parent: SyntaxNode, member: string | undefined): boolean {
  if (member === 'parse' || member === 'UTC') return true;
  if (parent.type === 'BinaryExpression') return parent['operator'] === 'instanceof';
  return (
    parent.type === 'NewExpression' &&
    nodeOf(parent['callee'])?.type === 'Identifier' &&
    childrenOf(parent['arguments']).length > 0
  );
}
