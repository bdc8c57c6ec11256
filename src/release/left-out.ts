/** A part of a release that cannot be made here. The message is a sentence that says why, and what to do. */
export class PartLeftOut extends Error {
  override readonly name = 'PartLeftOut';
}

/** Something is wrong with the project or the arguments, so that no release can be made. The message is a sentence. */
export class ReleaseRejected extends Error {
  override readonly name = 'ReleaseRejected';
}
