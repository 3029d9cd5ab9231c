// The few globals that pure code (rules and formats) may use beyond ECMAScript: every place it runs in (server, CLI,
// agent, browser) has them. Nothing else belongs here; no I/O, no clock, no randomness.

interface PureTextEncoder {
	encode(text?: string): Uint8Array<ArrayBuffer>;
}
declare var TextEncoder: { new (): PureTextEncoder };

interface PureTextDecoder {
	decode(bytes?: Uint8Array): string;
}
declare var TextDecoder: { new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): PureTextDecoder };
