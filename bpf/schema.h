/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The types that the loader and the reader share with the programs. The skeleton contains the types of
 * all global variables of an object. The variable `schema` is never read: it exports the structs and
 * enumerations of record.h, and the sizes of the structs in C. src/kernel/abi.rs compares them with the
 * sizes in Rust.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

/* The structs other than sections, which SECTIONS lists. */
#define STRUCTS(STRUCT)                                                                            \
	STRUCT(record_header)                                                                      \
	STRUCT(item_header)                                                                        \
	STRUCT(ip_options_item)                                                                    \
	STRUCT(membership_item)                                                                    \
	STRUCT(key_item)                                                                           \
	STRUCT(packet_membership_item)                                                             \
	STRUCT(owner_record)                                                                       \
	STRUCT(message_record)                                                                     \
	STRUCT(waiting_record)                                                                     \
	STRUCT(task_record)                                                                        \
	STRUCT(output_header)                                                                      \
	STRUCT(parameters)

/* Those that are exported as members of others. The variable takes up room in the program. */
#define INNER_STRUCTS(STRUCT)                                                                      \
	STRUCT(prefilter)                                                                          \
	STRUCT(number_filter)                                                                      \
	STRUCT(network)                                                                            \
	STRUCT(network_filter)                                                                     \
	STRUCT(fact_test)                                                                          \
	STRUCT(identity_key)                                                                       \
	STRUCT(walk_parameters)

#define SIZE_OF(name) SIZE_OF_##name = sizeof(struct name),
#define SECTION_SIZE_OF(level, name) SIZE_OF(name##_section)
enum size_of { STRUCTS(SIZE_OF) INNER_STRUCTS(SIZE_OF) SECTIONS(SECTION_SIZE_OF) };

#define EXPORT_STRUCT(name) struct name name;
#define EXPORT_SECTION(level, name)                                                                \
	struct name##_section name##_section;                                                      \
	enum level##_flag level##_flag;                                                            \
	enum level##_value level##_value;

const volatile struct {
	STRUCTS(EXPORT_STRUCT)
	SECTIONS(EXPORT_SECTION)
	enum size_of size_of;
	enum section_number section_number;
	enum section section;
	enum socket_trait socket_trait;
	enum timer timer;
	enum unix_peer unix_peer;
	enum item_kind item_kind;
	enum message_kind message_kind;
	enum walk_limit walk_limit;
	enum table table;
} schema = {};

#endif
