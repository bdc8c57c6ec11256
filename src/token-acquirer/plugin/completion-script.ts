/** Returns a script that completes `kubectl-token_acquirer`, and `kubectl token-acquirer`, in this shell. */
export function completionScript(shell: 'bash' | 'zsh'): string {
  return shell === 'bash' ? BASH : ZSH;
}

const BASH = `# Completion of kubectl token-acquirer in bash. Load it after the completion of kubectl.
__token_acquirer_complete() {
  local line words=("\${COMP_WORDS[@]:$1:COMP_CWORD-$1+1}")
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] || COMPREPLY+=("$line")
  done < <(kubectl-token_acquirer __complete "\${words[@]}" 2>/dev/null)
}
__token_acquirer_plugin() {
  __token_acquirer_complete 1
}
__token_acquirer_kubectl() {
  if [[ \${COMP_WORDS[1]} == token-acquirer && $COMP_CWORD -gt 1 ]]; then
    __token_acquirer_complete 2
  elif declare -F __start_kubectl >/dev/null; then
    __start_kubectl "$@"
  fi
}
complete -o default -F __token_acquirer_plugin kubectl-token_acquirer
complete -o default -F __token_acquirer_kubectl kubectl
`;

const ZSH = `# Completion of kubectl token-acquirer in zsh. Load it after the completion of kubectl.
__token_acquirer_complete() {
  local -a choices
  choices=(\${(f)"$(kubectl-token_acquirer __complete "\${(@)words[$1,CURRENT]}" 2>/dev/null)"})
  compadd -- \${choices:#:*}
}
__token_acquirer_plugin() {
  __token_acquirer_complete 2
}
__token_acquirer_kubectl() {
  if [[ $words[2] == token-acquirer ]] && (( CURRENT > 2 )); then
    __token_acquirer_complete 3
  elif (( $+functions[_kubectl] )); then
    _kubectl "$@"
  fi
}
compdef __token_acquirer_plugin kubectl-token_acquirer
compdef __token_acquirer_kubectl kubectl
`;
