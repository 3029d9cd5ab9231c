// The transaction of this house: a step that changes several things together. Nouns take a Commit as a parameter and
// never see which database is behind it.

/**
 * Runs `step` as one unit of work and resolves with its result once everything that it did is on disk. Where `step`
 * throws, nothing of it is kept and its error is passed on. Steps may be run with others in one transaction of the
 * database (group commit). They are serialised: a step may be begun while those before it still run, but its first call
 * to its unit waits for them, so each sees what the ones before it did, those of other servers included.
 * `step` must touch nothing but its unit (no I/O, no timers), as others wait for it. Where another server was in the way
 * it is undone and run again, so it may run several times; only its last run counts. What it leaves outside of its unit
 * (a variable of its caller) must therefore be set anew by each run, never added to.
 * @throws CaissonError storage-unavailable where it could not be committed: then nothing of it was kept, unless the
 * message says that the outcome is unknown
 */
export type Commit<Unit> = <Result>(step: (unit: Unit) => Promise<Result>) => Promise<Result>;
