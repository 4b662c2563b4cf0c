# lib, init, devmgr
FUZZERS += fuzz_affinity fuzz_tar fuzz_elf fuzz_ipc_dispatch fuzz_pci
fuzz_affinity_SRCS     := tests/fuzz/fuzz_affinity.c init/affinity.c
fuzz_tar_SRCS          := tests/fuzz/fuzz_tar.c init/tar.c
fuzz_elf_SRCS          := tests/fuzz/fuzz_elf.c init/elf.c
fuzz_ipc_dispatch_SRCS := tests/fuzz/fuzz_ipc_dispatch.c lib/ipc_dispatch.c
fuzz_pci_SRCS          := tests/fuzz/fuzz_pci.c $(addprefix devmgr/,pci_scan.c pci_caps.c pci_bars.c pci_control.c pci_class.c)

# netsrv: what a client may write into its region
FUZZERS += fuzz_net_command
fuzz_net_command_SRCS   = tests/fuzz/fuzz_net_command.c $(NETSRV_HOST_SRCS)
fuzz_net_command_CFLAGS = $(netsrv_host_CFLAGS)

# the e1000 driver: what the device writes
FUZZERS += fuzz_e1000
fuzz_e1000_SRCS   = tests/fuzz/fuzz_e1000.c $(E1000_HOST_SRCS)
fuzz_e1000_CFLAGS = $(e1000_host_CFLAGS)

# rconsole, jarvis
FUZZERS += fuzz_console_line fuzz_jarvis_parser
fuzz_console_line_SRCS  := tests/fuzz/fuzz_console_line.c rconsole/console_line.c
fuzz_jarvis_parser_SRCS := tests/fuzz/fuzz_jarvis_parser.c $(addprefix jarvis/,parser.c slots.c grammar.c words.c fold.c values.c \
                           lexicon.c lexicon_en.c lexicon_fr.c lexicon_names.c)

# kernel: what the firmware tells of IOMMUs
FUZZERS += fuzz_dmar
fuzz_dmar_SRCS := tests/fuzz/fuzz_dmar.c kernel/x86/acpi_dmar.c

# kernel: what the firmware tells of processors
FUZZERS += fuzz_madt
fuzz_madt_SRCS = tests/fuzz/fuzz_madt.c kernel/x86/apic_mode.c $(ACPI_SRCS)

# kernel: what the firmware tells of nodes
FUZZERS += fuzz_srat
fuzz_srat_SRCS := tests/fuzz/fuzz_srat.c kernel/x86/acpi_srat.c kernel/memory/numa.c

# kernel: what lies where a panic may have left its record
FUZZERS += fuzz_crash_record
fuzz_crash_record_SRCS := tests/fuzz/fuzz_crash_record.c kernel/x86/crash_record.c

# the trace tool: streams that anybody sends. SECONDS: so long in every `make test`
FUZZERS += fuzz_ctf
fuzz_ctf_SECONDS := 60
fuzz_ctf_SRCS = tests/fuzz/fuzz_ctf.c tests/unit/trace_synth.c tests/unit/trace_synth_smp.c $(trace_model_SRCS) $(addprefix tools/trustos-trace/,mark.c net_names.c) $(trace_reader_SRCS)

# the tracer: what a viewer on port 2326 may say
FUZZERS += fuzz_live
fuzz_live_SRCS := tests/fuzz/fuzz_live.c tests/unit/trace_model.c rconsole/tracer/live.c rconsole/tracer/place.c
