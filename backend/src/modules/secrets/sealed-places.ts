// Every column of the database that holds sealed values. What a value is bound to is said once, here, for whoever stores it and for the
// rotation: a value that is copied to another row, or whose row is made to belong elsewhere, does not open.

/** A column of sealed values. All names are ours. */
export interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** Columns that name the row and what it belongs to; together they never change. The first ones are the primary key. */
  readonly boundTo: readonly string[];
  /** The column holds JSON, with the sealed text as its string. */
  readonly isJson?: boolean;
  /** Condition for the rows whose value is secret; all of them unless told. */
  readonly where?: string;
}

const settings: SealedColumn = {
  table: "settings",
  column: "value",
  boundTo: ["key"],
  isJson: true,
  // Whatever else is sealed here is rotated as well; these two were not sealed once.
  where: "key in ('installation.secret', 'secrets.check') or value #>> '{}' like 'avs1.%'",
};
const noticeChannels: SealedColumn = {
  table: "notice_channels",
  column: "address",
  boundTo: ["id", "user_id"],
  where: "kind = 'webhook'",
};
const credentials: SealedColumn = {
  table: "credentials",
  column: "sealed_value",
  boundTo: ["id", "kind", "repository_id", "host"],
};
const repositorySecrets: SealedColumn = {
  table: "repository_secrets",
  column: "sealed_value",
  boundTo: ["id", "repository_id", "name"],
};

export const sealedColumns: readonly SealedColumn[] = [
  settings,
  noticeChannels,
  credentials,
  repositorySecrets,
];

/** What a value of the column is bound to. @param values of the columns that it is bound to, in their order */
export const placeIn = ({ table, column }: SealedColumn, values: readonly (string | null)[]): string =>
  JSON.stringify([table, column, ...values]);

/** What the values of each table are bound to. */
export const placeOf = {
  setting: (key: string): string => placeIn(settings, [key]),
  noticeAddress: (row: { id: string; userId: string }): string =>
    placeIn(noticeChannels, [row.id, row.userId]),
  credential: (row: { id: string; kind: string; repositoryId: string | null; host: string | null }): string =>
    placeIn(credentials, [row.id, row.kind, row.repositoryId, row.host]),
  repositorySecret: (row: { id: string; repositoryId: string; name: string }): string =>
    placeIn(repositorySecrets, [row.id, row.repositoryId, row.name]),
};
