// Who asks: the identity of a request, as the guard of its port established it. It decides what an identity is, how it
// is named in the audit trail, and where handlers find it. It leaves out how it is established (port-guard.ts) and what
// it may do. An identity never comes from a header that a client may write as it likes (X-Client-Id least of all).

import type { IncomingMessage } from 'node:http';

export type Identity =
	| { readonly kind: 'anonymous' }
	| {
			readonly kind: 'device';
			/** The `clientId` of the jobs that are its own. */
			readonly clientId: string;
			readonly how: 'certificate' | 'token' | 'decision-hook';
	  }
	| {
			readonly kind: 'operator';
			readonly name: string;
			readonly roles: readonly string[];
			readonly how: 'operator-token';
	  }
	| {
			readonly kind: 'operator';
			readonly name: string;
			readonly roles: readonly string[];
			readonly how: 'api-token' | 'session';
			/** Public: names the token among others of its name. */
			readonly tokenId: string;
	  };

export const anonymous: Identity = { kind: 'anonymous' };

/** The name in the audit trail: 'anonymous', 'device:ID', 'operator' for the operator token, else 'operator:NAME'. */
export function actorOf(identity: Identity): string {
	if (identity.kind === 'anonymous') return 'anonymous';
	if (identity.kind === 'device') return `device:${identity.clientId}`;
	return identity.how === 'operator-token' ? 'operator' : `operator:${identity.name}`;
}

const identities = new WeakMap<IncomingMessage, Identity>();

/** For the guard of a port only, before any handler runs. */
export function setIdentity(request: IncomingMessage, identity: Identity): void {
	identities.set(request, identity);
}

/** Anonymous where no guard set one: the port is open. */
export function identityOf(request: IncomingMessage): Identity {
	return identities.get(request) ?? anonymous;
}
