import { childrenOf, nameOf, nodeOf, type SyntaxNode, type Visit } from './syntax.ts';

/** What reaches the clock, chance or the world without an import. */
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

/** Expressions among the nodes whose names begin as those of types do. */
const TYPED_EXPRESSIONS = new Set([
  'TSAsExpression',
  'TSInstantiationExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
]);

/** What this node uses of the clock, of chance or of the world: none or one name. */
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

/** `new Date(time)`, `Date.parse`, `Date.UTC` and `instanceof Date` only convert. */
function isTimeless(parent: SyntaxNode, member: string | undefined): boolean {
  if (member === 'parse' || member === 'UTC') return true;
  if (parent.type === 'BinaryExpression') return parent['operator'] === 'instanceof';
  return (
    parent.type === 'NewExpression' &&
    nodeOf(parent['callee'])?.type === 'Identifier' &&
    childrenOf(parent['arguments']).length > 0
  );
}
