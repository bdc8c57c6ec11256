/**
 * What a process does about the tokens of its shard.
 * - leading: holds the Lease.
 * - following: another replica holds it.
 * - cut-off: held it, cannot reach the API server, and saw nobody else take it. It goes on with what needs no rotation.
 * - unelected: the Lease may not be read or written (403, 404). Every replica works, stands back by chance, and reads the
 *   Secret before each request.
 */
export type Role = 'leading' | 'following' | 'cut-off' | 'unelected';
