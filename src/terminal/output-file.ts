// What commands need for writing a file named on the command line: that its name never stands for half of it. The
// programs give the implementation.

export interface OutputFile {
	/** Bytes written so far. */
	readonly length: number;
	/** @throws CaissonError file-unusable (disk full, for example) */
	write(bytes: Uint8Array): Promise<void>;
}

/**
 * Runs `fill` and then gives the file its name; an existing file of that name is replaced, and stays where `fill` throws.
 * When it returns, content and name are durable.
 * @param mode permission bits; 0644 where it is left out
 */
export type WriteWhole = <Result>(
	target: string,
	fill: (file: OutputFile) => Promise<Result>,
	mode?: number,
) => Promise<Result>;
