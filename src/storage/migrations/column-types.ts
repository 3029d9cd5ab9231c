// The column types in which the stores differ, so that one migration serves both. It decides nothing else: the shape of
// the tables is in the numbered migrations.

import { type ColumnDataType, type ColumnDefinitionBuilder, type RawBuilder, sql } from 'kysely';

type DataType = ColumnDataType | RawBuilder<unknown>;
type Refine = (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;

export interface ColumnTypes {
	/** Text that compares byte by byte, whatever the locale of the database. */
	readonly text: DataType;
	/** A whole number up to 2^53: ids, counts, milliseconds since the epoch. */
	readonly integer: DataType;
	/** Makes an integer column a primary key that numbers its rows ascending and never uses a number twice. */
	readonly numbered: Refine;
	/** The same for rows whose numbers must ascend in the order of commits (events, audit rows). */
	readonly numberedAtCommit: Refine;
	/** What ends `create table`. */
	readonly tableEnd: RawBuilder<unknown> | undefined;
	/** Does the store take those numbers from the table commit_order? See docs/adr/0007-ids-in-commit-order.md. */
	readonly commitOrderTable: boolean;
}

export const sqliteColumnTypes: ColumnTypes = {
	text: 'text',
	integer: 'integer',
	// AUTOINCREMENT and not the plain rowid, which SQLite uses again after the highest row was deleted.
	// https://www.sqlite.org/autoinc.html
	numbered: (column) => column.primaryKey().autoIncrement(),
	// One writer at a time, so the order of numbers is the order of commits.
	numberedAtCommit: (column) => column.primaryKey().autoIncrement(),
	tableEnd: sql`strict`,
	commitOrderTable: false,
};

export const postgresColumnTypes: ColumnTypes = {
	text: sql`text collate "C"`,
	integer: 'bigint',
	// By default and not always, as `caisson db copy` keeps the numbers that it finds.
	numbered: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
	numberedAtCommit: (column) => column.primaryKey(),
	tableEnd: undefined,
	commitOrderTable: true,
};
