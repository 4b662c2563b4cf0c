# kernel: platform and memory
UNIT_TESTS += test_buddy test_slab test_boot_info test_acpi test_klog test_crash_record
test_buddy_SRCS     := tests/unit/test_buddy.c kernel/memory/buddy.c tests/unit/host_kernel.c
test_slab_SRCS      := tests/unit/test_slab.c kernel/memory/slab.c kernel/cap/account.c tests/unit/slab_host.c tests/unit/host_kernel.c
test_boot_info_SRCS := tests/unit/test_boot_info.c tests/unit/host_log.c kernel/x86/format.c \
                       $(addprefix kernel/x86/,boot_info.c boot_multiboot2.c boot_pvh.c)
UNIT_TESTS += test_acpi_srat
ACPI_SRCS           := kernel/x86/acpi.c kernel/x86/acpi_dmar.c kernel/x86/acpi_srat.c kernel/memory/numa.c tests/unit/host_log.c
test_acpi_SRCS      := tests/unit/test_acpi.c $(ACPI_SRCS)
test_acpi_srat_SRCS := tests/unit/test_acpi_srat.c kernel/x86/acpi_srat.c kernel/memory/numa.c tests/unit/host_log.c
UNIT_TESTS += test_apic
test_apic_SRCS         := tests/unit/test_apic.c tests/unit/host_log.c kernel/x86/apic.c kernel/x86/apic_mode.c
test_crash_record_SRCS := tests/unit/test_crash_record.c tests/unit/host_log.c kernel/x86/format.c kernel/x86/crash_record.c kernel/x86/boot_info.c
test_klog_SRCS      := tests/unit/test_klog.c kernel/x86/format.c kernel/x86/log.c

# lib, init, devmgr
UNIT_TESTS += test_ring test_ipc_dispatch test_affinity test_manifest test_tar test_elf test_supervise test_pci test_quarantine
test_ring_SRCS         := tests/unit/test_ring.c lib/ring.c
test_ring_LIBS         := -lpthread
test_ipc_dispatch_SRCS := tests/unit/test_ipc_dispatch.c lib/ipc_dispatch.c
test_affinity_SRCS     := tests/unit/test_affinity.c init/affinity.c init/manifest.c
test_manifest_SRCS     := tests/unit/test_manifest.c init/manifest.c init/manifest_rules.c
test_manifest_CFLAGS    = -DTEST_PROGRAMS='"$(TEST_SERVICES)"'
test_tar_SRCS          := tests/unit/test_tar.c init/tar.c
test_elf_SRCS          := tests/unit/test_elf.c init/elf.c
test_supervise_SRCS    := tests/unit/test_supervise.c init/supervise.c
test_pci_SRCS          := tests/unit/test_pci.c $(addprefix devmgr/,pci_scan.c pci_caps.c pci_bars.c pci_control.c pci_class.c)
test_quarantine_SRCS   := tests/unit/test_quarantine.c devmgr/quarantine.c devmgr/pci_scan.c devmgr/pci_caps.c

# the e1000 driver on a model of its devices
UNIT_TESTS += test_e1000
E1000_HOST_SRCS   := tests/unit/e1000_model.c drivers/e1000/device.c drivers/e1000/ring.c drivers/e1000/net.c
e1000_host_CFLAGS := -include tests/unit/e1000_host.h
test_e1000_SRCS   := tests/unit/test_e1000.c $(E1000_HOST_SRCS)
test_e1000_CFLAGS  = $(e1000_host_CFLAGS)

# netsrv and its driver; net_host.h puts system calls for the host in front of their sources
UNIT_TESTS += test_virtqueue test_checksum test_merge test_net_region test_net_scope test_netsrv_bytes test_netsrv_connections test_netsrv_clients test_netsrv_scopes test_netsrv_tell
test_virtqueue_SRCS  := tests/unit/test_virtqueue.c drivers/virtio/virtqueue.c
test_checksum_SRCS   := tests/unit/test_checksum.c netsrv/checksum.c
test_merge_SRCS      := tests/unit/test_merge.c netsrv/merge.c netsrv/checksum.c
test_net_region_SRCS := tests/unit/test_net_region.c netsrv/command.c netsrv/address_parse.c netbench/pattern.c lib/net_layout.c
NETSRV_HOST_SRCS     := $(addprefix netsrv/,loop.c service.c clients.c slots.c tcp.c work.c listeners.c events.c scope.c presented.c command.c interface.c tell.c receive.c merge.c transmit.c dma.c \
                        heap.c checksum.c port.c address.c address_parse.c) lib/net_client.c lib/net_attach.c lib/net_layout.c lib/ring.c lib/ipc_dispatch.c \
                        tests/unit/net_host.c $(filter-out %/lwiperf.c %/sntp.c %/mdns.c %/mdns_domain.c %/mdns_out.c,$(lwip_SRCS))
netsrv_host_CFLAGS   := -Wno-tautological-constant-out-of-range-compare -include tests/unit/net_host.h -Inetsrv/lwip -isystem build/third_party/lwip/src/include
NETSRV_TESTED_SRCS   := tests/unit/netsrv_fixture.c $(NETSRV_HOST_SRCS)
test_net_scope_SRCS           := tests/unit/test_net_scope.c netsrv/scope.c init/manifest.c
test_netsrv_bytes_SRCS        := tests/unit/test_netsrv_bytes.c $(NETSRV_TESTED_SRCS)
test_netsrv_bytes_HOME      := netsrv_host
test_netsrv_connections_SRCS  := tests/unit/test_netsrv_connections.c $(NETSRV_TESTED_SRCS)
test_netsrv_connections_HOME := netsrv_host
test_netsrv_clients_SRCS      := tests/unit/test_netsrv_clients.c $(NETSRV_TESTED_SRCS)
test_netsrv_clients_HOME    := netsrv_host
test_netsrv_scopes_SRCS       := tests/unit/test_netsrv_scopes.c $(NETSRV_TESTED_SRCS)
test_netsrv_scopes_HOME     := netsrv_host
test_netsrv_tell_SRCS         := tests/unit/test_netsrv_tell.c $(NETSRV_TESTED_SRCS)
test_netsrv_tell_HOME       := netsrv_host

# rconsole, jarvis
UNIT_TESTS += test_console_line test_jarvis_parser test_jarvis_plan test_jarvis_trace test_jarvis_numa test_render test_cap_tree
jarvis_parser_SRCS      := $(addprefix jarvis/,parser.c slots.c grammar.c words.c fold.c values.c lexicon.c lexicon_en.c lexicon_fr.c \
                           lexicon_names.c)
test_console_line_SRCS  := tests/unit/test_console_line.c rconsole/console_line.c rconsole/login.c
test_jarvis_parser_SRCS := tests/unit/test_jarvis_parser.c $(jarvis_parser_SRCS)
test_jarvis_plan_SRCS   := tests/unit/test_jarvis_plan.c tests/unit/jarvis_world.c $(jarvis_parser_SRCS) \
                           $(filter-out jarvis/main.c jarvis/session.c jarvis/world.c $(jarvis_parser_SRCS),$(jarvis_SRCS))
test_jarvis_trace_SRCS  := tests/unit/test_jarvis_trace.c $(filter-out tests/unit/test_jarvis_plan.c,$(test_jarvis_plan_SRCS))
test_jarvis_numa_SRCS   := tests/unit/test_jarvis_numa.c $(filter-out tests/unit/test_jarvis_plan.c,$(test_jarvis_plan_SRCS))
test_cap_tree_SRCS      := tests/unit/test_cap_tree.c init/revoke_way.c $(addprefix jarvis/,cap_tree.c cap_text.c render.c units.c \
                           answer.c json_writer.c values.c)
test_jarvis_parser_HOME := jarvis_host
test_jarvis_plan_HOME   := jarvis_host
test_jarvis_trace_HOME  := jarvis_host
test_cap_tree_HOME      := jarvis_host
test_jarvis_numa_HOME   := jarvis_host
test_render_HOME        := jarvis_host
test_render_SRCS        := tests/unit/test_render.c $(addprefix jarvis/,render.c units.c answer.c json_writer.c values.c)

# docs: the tables of architecture.md
UNIT_TESTS += test_docs
test_docs_SRCS := tests/unit/test_docs.c init/manifest.c

# kernel: the core, on a machine of the host (host_machine.h)
MACHINE_IOMMU := $(addprefix irq/,iova.c iommu_domain.c vtd.c vtd_context.c vtd_fault.c vtd_flush.c vtd_remap.c vtd_tables.c vtd_unit.c)
MACHINE_SRCS := $(addprefix tests/unit/,host_machine.c host_irq.c host_frames.c host_kernel.c vtd_model.c) \
                $(addprefix kernel/,cap/account.c cap/cap.c cap/cap_table.c cap/cap_calls.c cap/object.c cap/object_types.c ipc/channel.c ipc/ipc.c ipc/ipc_fast.c \
                  ipc/transfer.c sched/sched.c sched/balance.c sched/placement.c sched/task.c memory/numa.c sched/task_calls.c memory/memory_object.c memory/memory_calls.c memory/slab.c \
                  irq/irq.c irq/irq_route.c irq/ports.c irq/dma.c $(MACHINE_IOMMU) trace/trace.c trace/read.c trace/filter.c info.c info_machine.c syscall_table.c x86/format.c x86/log.c x86/paging.c)
machine_CFLAGS := -fno-pie -Dsched_yield=kernel_sched_yield # the sanitizers call the host's; one set of objects for all
MACHINE_LIBS  := -no-pie -Wl,-T,tests/unit/host_machine.ld
UNIT_TESTS += test_cap test_cap_model test_cap_shapes test_use_model test_account test_task test_homes test_memory_object test_trace test_trace_filter test_runq
test_cap_SRCS             := tests/unit/test_cap.c $(MACHINE_SRCS)
test_cap_HOME           := machine
test_cap_LIBS             := $(MACHINE_LIBS)
test_cap_model_SRCS       := tests/unit/test_cap_model.c $(MACHINE_SRCS)
test_cap_model_HOME     := machine
test_cap_model_LIBS       := $(MACHINE_LIBS)
test_cap_shapes_SRCS      := tests/unit/test_cap_shapes.c $(MACHINE_SRCS)
test_cap_shapes_HOME    := machine
test_cap_shapes_LIBS      := $(MACHINE_LIBS)
test_use_model_SRCS       := tests/unit/test_use_model.c $(MACHINE_SRCS)
test_use_model_HOME     := machine
test_use_model_LIBS       := $(MACHINE_LIBS)
test_account_SRCS         := tests/unit/test_account.c $(MACHINE_SRCS)
test_account_HOME       := machine
test_account_LIBS         := $(MACHINE_LIBS)
test_task_SRCS            := tests/unit/test_task.c $(MACHINE_SRCS)
test_task_HOME          := machine
test_task_LIBS            := $(MACHINE_LIBS)
test_homes_SRCS           := tests/unit/test_homes.c $(MACHINE_SRCS)
test_homes_HOME         := machine
test_homes_LIBS           := $(MACHINE_LIBS)
test_memory_object_SRCS   := tests/unit/test_memory_object.c $(MACHINE_SRCS)
test_memory_object_HOME := machine
test_memory_object_LIBS   := $(MACHINE_LIBS)
test_trace_SRCS           := tests/unit/test_trace.c lib/trace_metadata.c $(MACHINE_SRCS)
test_trace_HOME         := machine
test_trace_LIBS           := $(MACHINE_LIBS)
test_trace_filter_SRCS    := tests/unit/test_trace_filter.c $(MACHINE_SRCS)
test_trace_filter_HOME  := machine
test_trace_filter_LIBS    := $(MACHINE_LIBS)
test_runq_SRCS            := tests/unit/test_runq.c
UNIT_TESTS += test_channel test_channel_calls test_channel_caps test_channel_ends test_iommu test_iommu_faults test_iommu_units
test_channel_SRCS := tests/unit/test_channel.c tests/unit/channel_fixture.c $(MACHINE_SRCS)
test_channel_HOME := machine
test_channel_LIBS := $(MACHINE_LIBS)
test_channel_calls_SRCS := tests/unit/test_channel_calls.c tests/unit/channel_fixture.c $(MACHINE_SRCS)
test_channel_calls_HOME := machine
test_channel_calls_LIBS := $(MACHINE_LIBS)
test_channel_caps_SRCS := tests/unit/test_channel_caps.c tests/unit/channel_fixture.c $(MACHINE_SRCS)
test_channel_caps_HOME := machine
test_channel_caps_LIBS := $(MACHINE_LIBS)
test_channel_ends_SRCS := tests/unit/test_channel_ends.c tests/unit/channel_fixture.c $(MACHINE_SRCS)
test_channel_ends_HOME := machine
test_channel_ends_LIBS := $(MACHINE_LIBS)
test_iommu_SRCS := tests/unit/test_iommu.c tests/unit/iommu_fixture.c $(MACHINE_SRCS)
test_iommu_HOME := machine
test_iommu_LIBS := $(MACHINE_LIBS)
test_iommu_faults_SRCS := tests/unit/test_iommu_faults.c tests/unit/iommu_fixture.c $(MACHINE_SRCS)
test_iommu_faults_HOME := machine
test_iommu_faults_LIBS := $(MACHINE_LIBS)
test_iommu_units_SRCS := tests/unit/test_iommu_units.c tests/unit/iommu_fixture.c $(MACHINE_SRCS)
test_iommu_units_HOME := machine
test_iommu_units_LIBS := $(MACHINE_LIBS)
UNIT_TESTS += test_irq_route
test_irq_route_SRCS := tests/unit/test_irq_route.c tests/unit/iommu_fixture.c $(MACHINE_SRCS)
test_irq_route_HOME := machine
test_irq_route_LIBS := $(MACHINE_LIBS)

# the trace's ring alone: threads as CPUs; and instruction by instruction, compiled as the kernel is
UNIT_TESTS += test_trace_threads test_trace_steps
TRACE_RING_SRCS := tests/unit/trace_host.c $(wildcard kernel/trace/*.c)
test_trace_threads_SRCS     := tests/unit/test_trace_threads.c $(TRACE_RING_SRCS)
test_trace_threads_SANITIZE := -fsanitize=thread
test_trace_threads_LIBS     := -lpthread
test_trace_steps_SRCS       := tests/unit/test_trace_steps.c $(TRACE_RING_SRCS)
test_trace_steps_SANITIZE   := -O2

# kernel: which CPU runs what
UNIT_TESTS += test_placement test_balance
test_balance_SRCS         := tests/unit/test_balance.c $(addprefix kernel/,sched/balance.c sched/placement.c memory/numa.c)
test_balance_CFLAGS       := -Dsched_yield=kernel_sched_yield # the sanitizers call the host's
test_placement_SRCS       := $(addprefix tests/unit/,test_placement.c placement_sim.c) kernel/sched/placement.c kernel/memory/numa.c

# the trace's metadata and its tool; trace-synth makes streams for its tests
HOST_TOOLS += trace-synth
trace-synth_SRCS := $(addprefix tests/unit/,trace_synth_main.c trace_synth.c trace_synth_smp.c) lib/trace_metadata.c
UNIT_TESTS += test_trace_metadata test_trace_layout test_trace_reader test_trace_recording
test_trace_metadata_SRCS  = tests/unit/test_trace_metadata.c $(trace_reader_SRCS)
test_trace_layout_SRCS    = tests/unit/test_trace_layout.c $(trace_reader_SRCS)
test_trace_reader_SRCS    = $(addprefix tests/unit/,test_trace_reader.c trace_fixture.c trace_synth.c trace_synth_smp.c) $(trace_reader_SRCS)
test_trace_recording_SRCS = $(addprefix tests/unit/,test_trace_recording.c trace_fixture.c trace_synth.c trace_synth_smp.c) \
                            tools/trustos-trace/recording.c $(trace_reader_SRCS)
test_trace_metadata_HOME  = trace_host
test_trace_layout_HOME    = trace_host
test_trace_reader_HOME    = trace_host
test_trace_recording_HOME = trace_host
UNIT_TESTS += test_trace_processors
test_trace_processors_SRCS = $(addprefix tests/unit/,test_trace_processors.c trace_fixture.c trace_synth.c trace_synth_smp.c) \
                             $(trace_model_SRCS) $(trace_reader_SRCS)
test_trace_processors_HOME = trace_host
UNIT_TESTS += test_trace_texts
test_trace_texts_SRCS     = tests/unit/test_trace_texts.c $(trace_page_SRCS)

# the tracer: a reader's place in a ring, and the viewers' protocol
UNIT_TESTS += test_trace_place test_trace_live
test_trace_place_SRCS := tests/unit/test_trace_place.c tests/unit/trace_model.c rconsole/tracer/place.c
test_trace_live_SRCS  := tests/unit/test_trace_live.c tests/unit/trace_model.c rconsole/tracer/place.c rconsole/tracer/live.c

# the fuzzer of system calls
UNIT_TESTS += test_sysfuzz
test_sysfuzz_SRCS := tests/unit/test_sysfuzz.c $(addprefix tests/system/sysfuzz/,calls.c draw.c learn.c pool.c)
