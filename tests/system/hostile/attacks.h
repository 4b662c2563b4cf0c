/* The attacks: the one list from which the table, the functions' declarations and what docs say of them come.
 * X(class, name, how, options, expected, text)
 * how: ALONE - the runner waits for its end; LED - name_direct() plays the other part. The names are stable: docs/threats.md
 * and tests/system/test_hostile.py name them. */
#pragma once
#include "tests/system/hostile/hostile.h"

/* clang-format off */
#define ATTACKS(X) \
    X(HANDLES, forged_handle_indices, ALONE, 0, HELD, "every index near and far, with the first generations: only its own handles name something") \
    X(HANDLES, forged_handle_generations, ALONE, 0, HELD, "every generation of its own indices: one each is true") \
    X(HANDLES, forged_random_handles, ALONE, 0, HELD, "64,000 random handles: none can be minted from or closed") \
    X(HANDLES, no_handle_at_all, ALONE, 0, HELD, "handle 0 in every call that takes one") \
    X(HANDLES, stale_handle_after_close, ALONE, 0, HELD, "every call with a handle that was closed") \
    X(HANDLES, stale_handle_after_reuse, ALONE, 0, HELD, "a closed handle whose place in the table was given to something else") \
    X(HANDLES, double_close, ALONE, 0, HELD, "the second close is refused and does not hit what took the place") \
    X(HANDLES, handle_of_a_sent_capability, ALONE, 0, HELD, "a capability that moved away in a message is not its sender's any more") \
    X(HANDLES, handle_of_another_task, ALONE, 0, HELD, "handles that are true in the victim's table name nothing in its own") \
    X(HANDLES, handle_with_dirty_upper_bits, ALONE, 0, HELD, "bits above the 32 of a handle reach no other capability") \
    X(HANDLES, wrong_type_everywhere, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "each type of capability in each call that wants another") \
    X(RIGHTS, mint_cannot_widen, ALONE, 0, HELD, "mint with any bit more than the source has") \
    X(RIGHTS, mint_of_a_narrow_one_stays_narrow, ALONE, 0, HELD, "a child of a narrow capability, asked for all rights") \
    X(RIGHTS, mint_without_mint_right, ALONE, 0, HELD, "mint from a capability without MINT") \
    X(RIGHTS, mint_cannot_receive, ALONE, 0, HELD, "the receive right is never minted") \
    X(RIGHTS, copy_in_message_cannot_widen, ALONE, 0, HELD, "a copy in a message has no more rights, mask or badge than its source") \
    X(RIGHTS, copy_in_message_without_mint_right, ALONE, 0, HELD, "a copy in a message of what may not be copied") \
    X(RIGHTS, send_without_transfer_right, ALONE, 0, HELD, "a move or copy in a message of what may not travel") \
    X(RIGHTS, task_control_without_the_right, ALONE, 0, HELD, "start, kill, grant, revoke, map in a task that it may only look at") \
    X(RIGHTS, grant_cannot_widen, ALONE, EXTRA_PUPPET | EXTRA_TRACE, HELD, "a grant to another task has no more rights than its source") \
    X(RIGHTS, grant_of_the_receive_right, ALONE, EXTRA_PUPPET | EXTRA_TRACE, HELD, "granted with fewer rights it has fewer, with a badge it is refused") \
    X(RIGHTS, service_rights_cannot_widen, ALONE, 0, HELD, "the 16 service rights come from the capability, not from the message") \
    X(RIGHTS, signal_mask_cannot_widen, ALONE, 0, HELD, "a child of a signal capability with a wider mask") \
    X(RIGHTS, signal_raises_foreign_bits, ALONE, 0, HELD, "bits outside of the mask are raised and do not arrive") \
    X(RIGHTS, signal_bind_without_the_right, ALONE, 0, HELD, "binding a signal or a channel that it may not bind") \
    X(RIGHTS, memory_rights_cannot_widen, ALONE, 0, HELD, "map and protect beyond the rights of the capability") \
    X(RIGHTS, read_only_memory_is_written, ALONE, 0, FAULTS(14), "a write to a page that it may only read") \
    X(RIGHTS, send_without_send_right, ALONE, 0, HELD, "send and call through a capability without SEND") \
    X(BADGES, badge_in_the_header, ALONE, 0, HELD, "badge, rights and token in the sender's header do not arrive") \
    X(BADGES, badge_over_a_badge, ALONE, 0, HELD, "a second badge on one that has its own") \
    X(BADGES, badge_taken_off, ALONE, 0, HELD, "badge 0 over a badge keeps the badge") \
    X(BADGES, badge_too_wide, ALONE, 0, HELD, "a badge of more than 32 bits") \
    X(BADGES, badge_through_a_copy, ALONE, 0, HELD, "a copy in a message carries its badge and takes no other") \
    X(BADGES, message_in_the_kernels_name, ALONE, 0, HELD, "every kind in the header, those of the kernel's own messages among them") \
    X(BADGES, call_behind_the_end_of_its_badge, LED, 0, HELD, "a call that was queued when its capability was revoked comes before the end is told") \
    X(BADGES, report_behind_the_end_of_its_badge, ALONE, EXTRA_ROOT | QUOTA(400), HELD, "ends and faults whose supervisor was revoked are not told without a badge") \
    X(BADGES, trace_event_in_the_kernels_name, ALONE, EXTRA_TRACE, HELD, "every event number: only a service's kinds are taken, with its name") \
    X(REVOKE, use_after_revoke_channel, LED, 0, HELD, "call, send, mint through a revoked channel capability and its child") \
    X(REVOKE, use_after_revoke_signal, LED, 0, HELD, "raising a revoked signal") \
    X(REVOKE, use_after_revoke_task, LED, 0, HELD, "looking at a task through a revoked capability") \
    X(REVOKE, use_after_revoke_memory, LED, 0, HELD, "mapping revoked memory") \
    X(REVOKE, read_of_a_revoked_mapping, LED, 0, FAULTS(14), "reading a page whose mapping was revoked and lies in the TLB") \
    X(REVOKE, read_of_a_revoked_mapping_whose_handle_was_closed, LED, 0, FAULTS(14), "the same when the handle it was mapped through is closed already") \
    X(REVOKE, system_call_into_a_revoked_mapping, ALONE, 0, HELD, "a kernel copy into a revoked page") \
    X(REVOKE, revoke_under_a_held_call, LED, 0, HELD, "the sender is revoked while its call waits for the answer") \
    X(REVOKE, use_after_revoke_of_device_capabilities, LED, EXTRA_DRIVER, HELD, "irq, port, dma and register capabilities after revoke") \
    X(REVOKE, bound_signal_after_revoke, ALONE, 0, HELD, "a binding ends with the capability that it was made through") \
    X(REVOKE, revoke_from_inside_the_tree, ALONE, 0, HELD, "revoking what it holds ends its own descendants and nobody else's") \
    X(REVOKE, revoke_without_any_right, ALONE, 0, HELD, "revoke through a capability without rights ends nothing of others") \
    X(REVOKE, revoke_while_in_flight, ALONE, 0, HELD, "capabilities in queued messages, moved and copied, arrive as nothing") \
    X(REVOKE, revoke_of_a_deep_line, ALONE, QUOTA(1000), HELD, "5,000 capabilities each derived from the one before") \
    X(REVOKE, close_of_a_deep_line_from_above, ALONE, QUOTA(1000), HELD, "each parent is closed before its child, 5,000 times") \
    X(REVOKE, revoke_of_100000_descendants, LED, QUOTA(5000), HELD, "the more urgent victim answers all the while") \
    X(REVOKE, close_with_100000_children, ALONE, QUOTA(5000), HELD, "its children go to its parent, and end with that") \
    X(REVOKE, death_with_100000_capabilities, LED, QUOTA(5000), HELD, "the more urgent victim answers while it is taken apart") \
    X(REVOKE, revoke_abandoned_and_resumed, ALONE, QUOTA(1000), HELD, "one step of a revoke, then other calls, then the rest") \
    X(REVOKE, revoke_abandoned_and_closed, ALONE, QUOTA(1000), HELD, "one step of a revoke, then the revoked one is closed") \
    X(REVOKE, death_in_the_middle_of_a_revoke, ALONE, QUOTA(1000), HELD, "one step of a revoke, then the revoker dies") \
    X(REVOKE, task_revoke_of_a_puppet, ALONE, EXTRA_PUPPET, HELD, "a controller ends one handle of a task, and not another") \
    X(REPLIES, reply_token_of_others, LED, 0, HELD, "all task indices and the first call numbers, and random tokens, while others wait for the victim") \
    X(REPLIES, reply_without_the_receive_right, ALONE, 0, HELD, "answering through a sender's capability") \
    X(REPLIES, reply_twice, LED, 0, HELD, "each answer twice, and the old one again when the next call waits") \
    X(REPLIES, reply_twice_in_one_batch, LED, 0, HELD, "64 answers to one call in one batch: the first counts") \
    X(REPLIES, reply_after_the_caller_gave_up, LED, 0, HELD, "the token of a call that timed out must not answer the next") \
    X(REPLIES, reply_after_the_caller_died, LED, 0, HELD, "an answer with a capability to a caller that is dead") \
    X(REPLIES, reply_with_a_token_of_many_calls_ago, LED, 0, HELD, "512 calls of one client have 512 tokens") \
    X(MESSAGES, message_longer_than_the_limit, ALONE, 0, HELD, "payload lengths 225 to 255") \
    X(MESSAGES, more_capabilities_than_the_limit, ALONE, 0, HELD, "5 to 255 capabilities in a message") \
    X(MESSAGES, every_length_and_operation, ALONE, 0, HELD, "all lengths arrive whole, unknown operations are refused by the server") \
    X(MESSAGES, capability_bomb, ALONE, QUOTA(200), HELD, "256 capabilities in messages that nobody receives") \
    X(MESSAGES, capability_bomb_at_the_victim, ALONE, 0, HELD, "full batches of four copies each to the victim") \
    X(MESSAGES, message_in_message_chain, ALONE, QUOTA(600), HELD, "200 channels, the sender of each in a message in the queue of the next") \
    X(MESSAGES, channel_sent_through_itself, ALONE, 0, HELD, "a sender in its own channel's queue") \
    X(MESSAGES, channels_in_each_others_queues, ALONE, 0, HELD, "two channels that hold each other's senders") \
    X(MESSAGES, receive_right_in_a_message, ALONE, 0, HELD, "in every place of a message, moved: refused; copied: without it") \
    X(MESSAGES, same_capability_twice_in_a_message, ALONE, 0, HELD, "refused in every pair of places, moved and copied") \
    X(MESSAGES, failed_send_moves_nothing, ALONE, 0, HELD, "one bad capability among good ones: all stay") \
    X(MESSAGES, refused_send_moves_nothing, ALONE, 0, HELD, "no credit, no time, no receiver: what was to move stays") \
    X(MESSAGES, call_of_ones_own_channel, ALONE, 0, HELD, "a call to oneself is refused and does not hang") \
    X(MESSAGES, call_timed_out_gives_capabilities_back, LED, 0, HELD, "what a call was to move is back under the same handle") \
    X(MESSAGES, reply_in_a_send, ALONE, 0, HELD, "tokens and statuses in messages that are no answers") \
    X(POINTERS, kernel_pointer_in_every_argument, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "addresses of the kernel half in each pointer argument of each call") \
    X(POINTERS, noncanonical_pointer_in_every_argument, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "addresses that are none") \
    X(POINTERS, page_zero_pointer_in_every_argument, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "0 and what lies in page 0") \
    X(POINTERS, unmapped_pointer_in_every_argument, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "user addresses where nothing is mapped") \
    X(POINTERS, end_of_user_space_in_every_argument, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "the last bytes before user space ends, and those behind") \
    X(POINTERS, read_only_pointer_in_every_output, ALONE, EXTRA_ROOT | EXTRA_TRACE | EXTRA_DRIVER, HELD, "text, constants, start page and others' pages where the kernel is to write") \
    X(POINTERS, wrap_around_lengths, ALONE, EXTRA_TRACE, HELD, "byte counts near 2^64, 2^63, 2^32") \
    X(POINTERS, wrap_around_counts, ALONE, 0, HELD, "message counts, capacities and slots that overflow when multiplied") \
    X(POINTERS, wrap_around_pages, ALONE, EXTRA_ROOT | EXTRA_DRIVER, HELD, "page counts and first pages that overflow when added or multiplied") \
    X(POINTERS, output_crosses_into_a_missing_page, ALONE, EXTRA_TRACE, HELD, "structs that end in a page that is not there") \
    X(POINTERS, message_crosses_into_a_missing_page, ALONE, 0, HELD, "messages that end in a page that is not there, at every offset") \
    X(POINTERS, receive_into_a_missing_page_loses_nothing, ALONE, 0, HELD, "the message, and its capability, are still there for a good buffer") \
    X(POINTERS, batch_crosses_into_a_missing_page, ALONE, 0, HELD, "of a batch, none is lost and none comes twice") \
    X(POINTERS, unaligned_buffers, ALONE, 0, HELD, "messages at every alignment arrive whole") \
    X(POINTERS, overlapping_buffers, ALONE, 0, HELD, "answers and receive buffers of one call are the same") \
    X(POINTERS, call_buffer_revoked_while_waiting, LED, 0, HELD, "the memory under a waiting call's buffer is revoked") \
    X(POINTERS, call_buffer_unmapped_by_another_while_waiting, LED, 0, HELD, "a controller unmaps it") \
    X(POINTERS, call_buffer_made_read_only_while_waiting, LED, 0, HELD, "a controller makes it read-only") \
    X(POINTERS, receive_buffer_revoked_while_waiting, LED, 0, HELD, "the memory under a waiting receive's buffer is revoked: the message is not lost") \
    X(MAPPINGS, map_writable_and_executable, ALONE, 0, HELD, "every protection word, by map and by protect") \
    X(MAPPINGS, write_and_execute_through_two_rights, ALONE, 0, HELD, "one may write, one may execute: each mapping gets its own and no other") \
    X(MAPPINGS, creation_left_in_the_middle, ALONE, QUOTA(1300), HELD, "one step of making memory, and then other sizes") \
    X(MAPPINGS, mapping_left_in_the_middle, ALONE, QUOTA(1300), HELD, "one step of a mapping, then its use, others over it, and a revoke") \
    X(MAPPINGS, protection_left_in_the_middle, ALONE, QUOTA(1300), HELD, "one step of protect and of unmap, then others with other protections") \
    X(MAPPINGS, map_page_zero, ALONE, 0, HELD, "addresses in page 0") \
    X(MAPPINGS, read_of_page_zero, ALONE, 0, FAULTS(14), "a read through a null pointer") \
    X(MAPPINGS, map_kernel_space, ALONE, 0, HELD, "the kernel half, the hole, and both sides of the edge of user space") \
    X(MAPPINGS, map_over_a_mapping, ALONE, 0, HELD, "wholly and partly over what is mapped, and over its own code") \
    X(MAPPINGS, map_beyond_the_object, ALONE, 0, HELD, "more pages than the object has") \
    X(MAPPINGS, unmap_what_is_no_mapping, ALONE, 0, HELD, "parts of a mapping, more than it, and beside it") \
    X(MAPPINGS, read_after_unmap, ALONE, 0, FAULTS(14), "a page that lies in the TLB and is unmapped") \
    X(MAPPINGS, write_after_protect, ALONE, 0, FAULTS(14), "a page that lies in the TLB as writable and is made read-only") \
    X(MAPPINGS, jump_into_data, ALONE, 0, FAULTS(14), "code in a variable") \
    X(MAPPINGS, jump_into_the_stack, ALONE, 0, FAULTS(14), "code on the stack") \
    X(MAPPINGS, jump_into_constants, ALONE, 0, FAULTS(14), "code among constants") \
    X(MAPPINGS, jump_into_the_start_page, ALONE, 0, FAULTS(14), "the page that its creator wrote") \
    X(MAPPINGS, jump_into_fresh_memory, ALONE, 0, FAULTS(14), "code in a fresh page that is mapped to be written") \
    X(MAPPINGS, jump_into_code_made_writable_again, ALONE, 0, FAULTS(14), "code that ran, and then was made writable") \
    X(MAPPINGS, write_to_ones_own_code, ALONE, 0, FAULTS(14), "a write to its text") \
    X(MAPPINGS, make_ones_own_code_writable, ALONE, 0, FAULTS(14), "protect of its text, and then a write") \
    X(MAPPINGS, write_to_the_start_page, ALONE, 0, FAULTS(14), "a write to its start page") \
    X(MAPPINGS, write_to_kernel_memory, ALONE, 0, FAULTS(14), "a write to the kernel's text") \
    X(MAPPINGS, read_of_kernel_memory, ALONE, 0, FAULTS(14), "a read through the kernel's map of all memory") \
    X(MAPPINGS, jump_into_the_kernel, ALONE, 0, FAULTS(14), "a jump to the kernel's text") \
    X(MAPPINGS, stack_overflow_into_the_guard, LED, 0, FAULTS(14), "recursion without end: it faults in the guard page, not behind it") \
    X(CPU, port_in, ALONE, 0, FAULTS(13), "IN") \
    X(CPU, port_out, ALONE, 0, FAULTS(13), "OUT") \
    X(CPU, port_out_of_the_power_port, ALONE, 0, FAULTS(13), "OUT to the port that switches the machine off") \
    X(CPU, port_string_in, ALONE, 0, FAULTS(13), "REP INS") \
    X(CPU, read_msr_efer, ALONE, 0, FAULTS(13), "RDMSR") \
    X(CPU, write_msr_lstar, ALONE, 0, FAULTS(13), "WRMSR to the system call's entry") \
    X(CPU, write_msr_gs_base, ALONE, 0, FAULTS(13), "WRMSR to the base through which the kernel finds its CPU") \
    X(CPU, interrupts_off, ALONE, 0, FAULTS(13), "CLI") \
    X(CPU, interrupts_on, ALONE, 0, FAULTS(13), "STI") \
    X(CPU, halt, ALONE, 0, FAULTS(13), "HLT") \
    X(CPU, load_gdt, ALONE, 0, FAULTS(13), "LGDT") \
    X(CPU, load_idt, ALONE, 0, FAULTS(13), "LIDT") \
    X(CPU, load_ldt, ALONE, 0, FAULTS(13), "LLDT") \
    X(CPU, load_task_register, ALONE, 0, FAULTS(13), "LTR") \
    X(CPU, read_cr0, ALONE, 0, FAULTS(13), "MOV from CR0") \
    X(CPU, read_cr3, ALONE, 0, FAULTS(13), "MOV from CR3") \
    X(CPU, write_cr0, ALONE, 0, FAULTS(13), "MOV to CR0") \
    X(CPU, write_cr3, ALONE, 0, FAULTS(13), "MOV to CR3") \
    X(CPU, write_cr4, ALONE, 0, FAULTS(13), "MOV to CR4") \
    X(CPU, write_cr8, ALONE, 0, FAULTS(13), "MOV to CR8") \
    X(CPU, read_debug_register, ALONE, 0, FAULTS(13), "MOV from DR7") \
    X(CPU, write_debug_register, ALONE, 0, FAULTS(13), "MOV to DR0") \
    X(CPU, clear_task_switched, ALONE, 0, FAULTS(13), "CLTS") \
    X(CPU, load_machine_status, ALONE, 0, FAULTS(13), "LMSW") \
    X(CPU, invalidate_page, ALONE, 0, FAULTS(13), "INVLPG") \
    X(CPU, invalidate_caches, ALONE, 0, FAULTS(13), "WBINVD") \
    X(CPU, swap_gs, ALONE, 0, FAULTS(13), "SWAPGS") \
    X(CPU, system_return, ALONE, 0, FAULTS(13), "SYSRET") \
    X(CPU, read_time_stamp, ALONE, 0, FAULTS(13), "RDTSC: time comes from the kernel alone") \
    X(CPU, read_performance_counter, ALONE, 0, FAULTS(13), "RDPMC") \
    X(CPU, set_extended_control, ALONE, 0, FAULTS_ANY, "XSETBV") \
    X(CPU, virtual_machine_call, ALONE, 0, FAULTS_ANY, "VMCALL") \
    X(CPU, load_kernel_data_segment, ALONE, 0, FAULTS(13), "the kernel's data segment in DS") \
    X(CPU, load_kernel_stack_segment, ALONE, 0, FAULTS(13), "the kernel's data segment in SS") \
    X(CPU, load_task_state_as_data, ALONE, 0, FAULTS(13), "the task state segment in ES") \
    X(CPU, far_return_into_the_kernel, ALONE, 0, FAULTS(13), "RETF to the kernel's code segment") \
    X(CPU, interrupt_return_into_the_kernel, ALONE, 0, FAULTS(13), "IRET to the kernel's code segment") \
    X(CPU, interrupt_gate_of_the_timer, ALONE, 0, FAULTS(13), "INT 0x20") \
    X(CPU, interrupt_gate_of_linux, ALONE, 0, FAULTS(13), "INT 0x80") \
    X(CPU, interrupt_gate_of_the_double_fault, ALONE, 0, FAULTS(13), "INT 8") \
    X(CPU, interrupt_gate_of_the_nmi, ALONE, 0, FAULTS(13), "INT 2") \
    X(CPU, interrupt_gate_of_the_page_fault, ALONE, 0, FAULTS(13), "INT 14, which would lack its error code") \
    X(CPU, interrupt_gate_of_the_spurious, ALONE, 0, FAULTS(13), "INT 0xff") \
    X(CPU, breakpoint, ALONE, 0, FAULTS(13), "INT3: its gate is the kernel's too") \
    X(CPU, every_interrupt_gate, LED, 0, HELD, "INT n for the exceptions and each 16th of the others") \
    X(CPU, undefined_instruction, ALONE, 0, FAULTS(6), "UD2") \
    X(CPU, division_by_zero, ALONE, 0, FAULTS(0), "DIV by 0") \
    X(CPU, noncanonical_jump, ALONE, 0, FAULTS_ANY, "a jump to an address that is none") \
    X(CPU, noncanonical_read, ALONE, 0, FAULTS_ANY, "a read there") \
    X(CPU, noncanonical_stack, ALONE, 0, FAULTS_ANY, "a push there") \
    X(CPU, x87_exception_unmasked, ALONE, 0, FAULTS(16), "a division by 0 in the x87") \
    X(CPU, system_call_numbers_that_are_none, ALONE, 0, HELD, "numbers past the table, and true ones with dirty upper bits") \
    X(CPU, direction_flag_at_entry, ALONE, 0, HELD, "DF set at the entry must not turn the kernel's copies round") \
    X(CPU, alignment_and_nested_flags_at_entry, ALONE, 0, HELD, "AC, NT and ID set at the entry") \
    X(CPU, alignment_flag_while_interrupted, ALONE, 0, HELD, "AC set when an interrupt comes") \
    X(CPU, privilege_bits_of_the_flags, ALONE, 0, HELD, "IOPL and IF by POPF") \
    X(CPU, trap_flag_at_entry, ALONE, 0, FAULTS(1), "a single step over SYSCALL: the trap comes to the task") \
    X(CPU, wild_stack_pointer_at_entry, ALONE, 0, HELD, "SYSCALL with a stack pointer of the kernel, or none") \
    X(CPU, wild_stack_pointer_while_interrupted, ALONE, 0, HELD, "an interrupt with a stack pointer of the kernel") \
    X(CPU, system_call_at_the_last_address, ALONE, 0, FAULTS_ANY, "SYSCALL as the last instruction of user space") \
    X(CPU, segment_registers_changed, ALONE, 0, HELD, "null and odd selectors in DS, ES, FS, GS") \
    X(CPU, start_of_a_task_in_the_kernel, ALONE, EXTRA_PUPPET, HELD, "task_start with entries and stacks that are not a task's") \
    X(CPU, flood_of_faults, LED, 0, HELD, "100 tasks that fault at once") \
    X(LEAKS, registers_after_every_call, ALONE, EXTRA_TRACE_READ, HELD, "after each call, refused and taken, no register holds the kernel's values") \
    X(LEAKS, registers_of_a_new_task, ALONE, EXTRA_PUPPET, HELD, "a task starts with zeros") \
    X(LEAKS, fpu_state_of_others, LED, 0, HELD, "SSE and x87 registers of seven tasks that use them in turn") \
    X(LEAKS, memory_of_others, ALONE, QUOTA(700), HELD, "fresh pages are zero, also when somebody filled them before") \
    X(LEAKS, kernel_pages_as_memory, ALONE, QUOTA(700), HELD, "pages that held kernel objects come back as zeros") \
    X(LEAKS, payload_beyond_the_length, ALONE, 0, HELD, "behind a message's end there is nothing of other messages") \
    X(LEAKS, payload_beyond_the_length_of_an_answer, ALONE, 0, HELD, "nor behind an answer's") \
    X(LEAKS, closed_message_has_nothing_else, ALONE, 0, HELD, "the kernel's own messages have no bytes of the kernel's") \
    X(LEAKS, kernel_addresses_in_info, ALONE, EXTRA_TRACE, HELD, "no struct that the kernel fills holds a kernel address") \
    X(LEAKS, holes_in_info_structs, ALONE, 0, HELD, "every byte of cap_info is written") \
    X(LEAKS, random_bytes_repeat, ALONE, 0, HELD, "1,024 random words are different") \
    X(FLOODS, flood_beyond_the_credit, ALONE, 0, HELD, "a sender's credit ends, copies share it, others have their own") \
    X(FLOODS, flood_of_one_way_messages, LED, 0, HELD, "the victim's queue is kept full, and others are answered") \
    X(FLOODS, flood_of_signals, ALONE, 0, HELD, "100,000 raises") \
    X(FLOODS, flood_of_calls_from_200_tasks, LED, 0, HELD, "200 callers wait, and others are answered") \
    X(FLOODS, flood_of_closed_badges, ALONE, QUOTA(200), HELD, "500 badges end: each is told once") \
    X(FLOODS, flood_of_closed_badges_at_the_victim, ALONE, 0, HELD, "2,000 badges of the victim's channel end") \
    X(FLOODS, flood_of_deaths, LED, 0, HELD, "200 tasks end at once: each is told") \
    X(FLOODS, long_calls_on_every_processor, LED, 0, HELD, "the runner, who is more urgent, gets its turns at the kernel lock all the same: counted, not timed") \
    X(FLOODS, flood_of_log_and_trace, ALONE, EXTRA_TRACE, HELD, "2,000 log lines and events") \
    X(FLOODS, log_text_with_control_characters, ALONE, EXTRA_TRACE, HELD, "line ends and escapes make no other lines") \
    X(FLOODS, log_line_longer_than_the_limit, ALONE, EXTRA_TRACE, HELD, "lengths over the limit, levels that are none") \
    X(QUOTAS, quota_of_channels, ALONE, 0, HELD, "channels until refused") \
    X(QUOTAS, quota_of_signals, ALONE, 0, HELD, "signals until refused") \
    X(QUOTAS, quota_of_memory, ALONE, 0, HELD, "memory until refused") \
    X(QUOTAS, quota_of_memory_at_once, ALONE, 0, HELD, "more at once than it has") \
    X(QUOTAS, quota_of_capabilities, ALONE, 0, HELD, "children of one capability until refused") \
    X(QUOTAS, quota_of_badges, ALONE, 0, HELD, "badges of its own channel until refused") \
    X(QUOTAS, quota_of_badges_at_the_victim, ALONE, 0, HELD, "badges of the victim's channel until refused: it pays itself") \
    X(QUOTAS, quota_of_mappings_of_one_page, ALONE, 0, HELD, "thousands of mappings of one page until refused") \
    X(QUOTAS, quota_of_mappings_of_the_victims_page, ALONE, 0, HELD, "and of the victim's page") \
    X(QUOTAS, quota_of_page_tables, ALONE, 0, HELD, "mappings each in a page table of its own until refused") \
    X(QUOTAS, quota_of_tasks, ALONE, EXTRA_ROOT, HELD, "tasks until refused") \
    X(QUOTAS, quota_lent_cannot_grow, ALONE, EXTRA_ROOT, HELD, "a child with more than its creator has") \
    X(QUOTAS, quota_of_the_receiver, ALONE, 0, HELD, "2,000 capabilities to a server that closes them") \
    X(QUOTAS, quota_of_a_poor_receiver, ALONE, 0, HELD, "a message with a capability to who can pay for none: the message comes") \
    X(QUOTAS, quota_of_capabilities_in_messages, ALONE, 0, HELD, "capabilities in queued messages until refused") \
    X(QUOTAS, quota_of_the_fpu, ALONE, 0, FAULTS(7), "the FPU's state when nothing is left: it ends, and nobody pays for it") \
    X(QUOTAS, fragmentation_is_paid_for, ALONE, EXTRA_TRACE | QUOTA(5000), HELD, "100,000 minted and all but each 40th closed: what it owes covers what the kernel holds") \
    X(QUOTAS, fragmentation_of_mappings_is_paid_for, ALONE, EXTRA_TRACE | QUOTA(1000), HELD, "4,000 mappings and all but each 40th unmapped") \
    X(DEATHS, death_while_a_call_is_taken, LED, 0, HELD, "killed while the victim has its call and its capabilities") \
    X(DEATHS, death_while_a_call_is_queued, LED, 0, HELD, "killed while its call lies in the queue") \
    X(DEATHS, death_while_receiving_for_ever, LED, 0, HELD, "killed in a receive without deadline") \
    X(DEATHS, death_while_receiving_with_a_deadline, LED, 0, HELD, "killed in a receive with deadline") \
    X(DEATHS, death_while_running, LED, 0, HELD, "killed while it spins") \
    X(DEATHS, server_killed_with_200_waiting_callers, LED, 0, HELD, "half taken, half queued: all get ERR_PEER_DIED") \
    X(DEATHS, server_closes_under_its_callers, LED, 0, HELD, "a caller of a channel that is closed, by a server that lives on a moment") \
    X(DEATHS, task_handle_after_death, ALONE, EXTRA_PUPPET, HELD, "every call with the handle of a dead task") \
    X(DEATHS, last_handle_of_a_task_closed, ALONE, EXTRA_ROOT | QUOTA(300), HELD, "200 tasks that nobody can name any more") \
    X(DEATHS, fault_without_a_supervisor, ALONE, EXTRA_ROOT | QUOTA(400), HELD, "faults that nobody will read of") \
    X(DEATHS, exit_codes_at_the_edges, LED, 0, HELD, "a code with all bits comes whole") \
    X(DEADLINES, deadlines_in_the_past, ALONE, 0, HELD, "0, 1 and now") \
    X(DEADLINES, deadlines_in_the_far_future, LED, 0, HELD, "2^60 to 2^64-1 in a call: it waits, and is answered") \
    X(DEADLINES, receive_deadlines_in_the_far_future, LED, 0, HELD, "the same in a receive") \
    X(DEADLINES, timers_of_100_tasks, LED, 0, HELD, "100 waits, many with the same end") \
    X(DEADLINES, time_goes_on, ALONE, 0, HELD, "the clock never goes back") \
    X(AUTHORITY, root_calls_without_the_capability, ALONE, 0, HELD, "tasks, irqs, ports, device memory and dma through every handle that it has") \
    X(AUTHORITY, root_of_tasks_used_for_devices, ALONE, EXTRA_ROOTS_HALF, HELD, "the right to create tasks gives no device") \
    X(AUTHORITY, priority_above_ones_own, ALONE, EXTRA_ROOT, HELD, "a task more urgent than its creator") \
    X(AUTHORITY, task_with_a_name_that_is_none, ALONE, EXTRA_ROOT, HELD, "names with spaces, escapes and no end") \
    X(AUTHORITY, irq_of_others, ALONE, 0, HELD, "acknowledging and binding interrupts through every handle") \
    X(AUTHORITY, devices_without_the_right, ALONE, EXTRA_DEVICES, HELD, "device capabilities that carry no right to use them") \
    X(AUTHORITY, irq_bound_to_bits_of_others, ALONE, EXTRA_DRIVER, HELD, "an interrupt bound to signal bits outside of the mask") \
    X(AUTHORITY, port_outside_the_range, ALONE, EXTRA_DRIVER, HELD, "offsets and widths beyond a port capability") \
    X(AUTHORITY, port_ranges_that_wrap, ALONE, EXTRA_ROOT, HELD, "port ranges that end beyond the last") \
    X(AUTHORITY, device_memory_over_ram, ALONE, EXTRA_ROOT, HELD, "device memory where RAM is") \
    X(AUTHORITY, device_memory_as_more_than_it_is, ALONE, EXTRA_DRIVER, HELD, "device memory to be run, pinned, or wider") \
    X(AUTHORITY, pin_of_memory_of_others, ALONE, EXTRA_DRIVER, HELD, "pinning memory without the right to") \
    X(AUTHORITY, death_with_pinned_memory, ALONE, EXTRA_DRIVER, HELD, "a driver that dies with pages pinned") \
    X(AUTHORITY, trace_calls_without_the_capability, ALONE, 0, HELD, "log, trace and system_info through every handle") \
    X(AUTHORITY, trace_rights_are_apart, ALONE, EXTRA_TRACE_READ, HELD, "who may look may not write, control, or read the token") \
    X(AUTHORITY, events_in_the_kernels_name, ALONE, EXTRA_TRACE, HELD, "every event number: those of the kernel, and those that are none, are refused") \
    X(AUTHORITY, trace_of_tasks_that_are_none, ALONE, EXTRA_TRACE, HELD, "choosing, for the trace, tasks that are not there") \
    X(AUTHORITY, info_of_what_is_not_there, ALONE, EXTRA_TRACE, HELD, "indices far from what there is") \
    X(AUTHORITY, power_without_the_capability, ALONE, 0, HELD, "off and reboot through every handle") \
    X(AUTHORITY, token_on_the_boot_line, ALONE, 0, HELD, "the operator's token is blotted out") \
    X(AUTHORITY, spinning_and_yielding, LED, 0, HELD, "a task that never waits delays nobody more urgent")
/* clang-format on */

#define X(class, name, how, options, expected, text) \
    ATTACK(name);                                    \
    DIRECT(name);
ATTACKS(X)
#undef X
