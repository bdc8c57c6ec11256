import { childrenOf, nameOf, nodeOf, type SyntaxNode, type Visit } from './syntax.ts';

export interface FunctionFacts {
  /** The declared or assigned name. `undefined` for a function that is passed directly. */
  readonly name: string | undefined;
  readonly line: number;
  readonly lines: number;
  readonly parameters: number;
}

const WITH_BODY = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const SIGNATURES = new Set(['TSMethodSignature', 'TSFunctionType', 'TSCallSignatureDeclaration', 'TSDeclareFunction']);

/** Returns the functions with a body, whose length is that of the body, and the signatures without one. */
export function functionsOf(visits: readonly Visit[], lineOf: (offset: number) => number): FunctionFacts[] {
  return visits
    .filter(({ node }) => WITH_BODY.has(node.type) || SIGNATURES.has(node.type))
    .map(({ node, parent }) => ({
      name: nameOf(node['id']) ?? nameOf(node['key']) ?? nameOf(parent?.['id']) ?? nameOf(parent?.['key']),
      line: lineOf(node.start),
      lines: WITH_BODY.has(node.type) ? lineOf(node.end) - lineOf(node.start) + 1 : 0,
      parameters: parametersOf(node).length,
    }));
}

function parametersOf(node: SyntaxNode): SyntaxNode[] {
  const parameters = childrenOf(node['params'] ?? node['parameters']);
  return parameters
    .flatMap((each) => (each.type === 'FormalParameters' ? childrenOf(each['items']) : [each]))
    .filter(isPassed);
}

/** Skips a parameter `this`, which only the compiler uses. */
function isPassed(parameter: SyntaxNode): boolean {
  return nameOf(nodeOf(parameter['pattern']) ?? parameter) !== 'this';
}
