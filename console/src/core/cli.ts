// The AWS CLI command for what a page does, ready to paste.
// SPDX-License-Identifier: Apache-2.0
export const endpoint = (): string => location.origin;
const quote = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export const aws = (...words: string[]): string => `aws ${words.map(quote).join(" ")} --endpoint-url ${endpoint()}`;

/** The operations that AWS lacks are called by the kedge program or any signed request. */
export const role = "arn:aws:iam::000000000000:role/kedge-console";
