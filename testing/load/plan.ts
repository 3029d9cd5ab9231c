// What a load generator is told to do, and what it tells: the messages between it and the process that runs it.

import type { Target } from './connection.ts';
import type { Summary } from './outcomes.ts';

export interface LoadPlan {
	readonly south: Target;
	readonly north: Target;
	/** Requests under way at once; each worker has a connection a port. */
	readonly workers: number;
	/** Makes client ids of this run unlike those of others. */
	readonly name: string;
	readonly task:
		| { readonly kind: 'mix'; readonly devices: number; readonly warmUp: number; readonly duration: number }
		/** A new connection for each request for the workflows; with `resume`, each resumes the TLS session of the one before. */
		| { readonly kind: 'connect'; readonly resume: boolean; readonly warmUp: number; readonly duration: number }
		/** Requests for the workflows, over connections that stay. */
		| { readonly kind: 'read'; readonly warmUp: number; readonly duration: number }
		/** One job for each of device-0 … */
		| { readonly kind: 'create'; readonly devices: number };
}

/** `begun`: measuring begins now. Times in milliseconds. */
export type LoadMessage = { readonly begun: true } | { readonly result: LoadResult };

export interface LoadResult extends Summary {
	readonly duration: number;
	/** CPU time of the generator itself. */
	readonly ownCpu: number;
}
