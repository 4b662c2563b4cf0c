/* One CPU's own state: features, GDT, TSS, stacks, IDT, control registers (Intel SDM vol. 3, chapters 2, 3, 6, 8). */
#include <string.h>
#include "kernel/x86/asm.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"
#include "kernel/x86/stacks.h"

struct cpu cpus[CPU_MAX];
uint32_t cpu_count = 1;
bool cpu_has_smap, cpu_has_smep, cpu_has_umip, cpu_has_1g_pages, cpu_has_x2apic, cpu_has_tsc_deadline, cpu_has_rdrand,
    cpu_has_nx;
char cpu_model[48];

/* entry.asm */
extern void syscall_entry(void);
extern const uint64_t isr_table[256];

_Static_assert(offsetof(struct cpu, self) == 0, "entry.asm: gs:0");
_Static_assert(offsetof(struct cpu, current) == 8, "entry.asm: gs:8");
_Static_assert(offsetof(struct cpu, stack_top) == 16, "entry.asm: gs:16");
_Static_assert(offsetof(struct cpu, scratch) == 24, "entry.asm: gs:24");
_Static_assert(offsetof(struct cpu, user_root) == 32, "entry.asm: gs:32");
_Static_assert(sizeof(struct tss) == 104, "SDM vol. 3 figure 8-11");

/* The boot CPU's stacks lie in the image, the others' in frames of their own (smp.c). The guards are not mapped. */
struct cpu_stacks boot_stacks;
_Static_assert(offsetof(struct cpu_stacks, kernel) + KERNEL_STACK_SIZE == 4096 + 16384, "boot.asm: BOOT_STACK_TOP");

/* ---- Features (SDM vol. 2, CPUID) --------------------------------------------------------------------------- */

static bool bit(uint32_t word, unsigned n)
{
    return word >> n & 1;
}

static void detect_model(uint32_t max_extended)
{
    uint32_t words[12];
    if (max_extended < 0x80000004)
        return;
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid r = cpuid_read(0x80000002 + i, 0);
        memcpy(&words[i * 4], &r, sizeof(r));
    }
    memcpy(cpu_model, words, sizeof(cpu_model));
    cpu_model[sizeof(cpu_model) - 1] = 0;
}

static void cpu_detect(void)
{
    uint32_t max = cpuid_read(0, 0).eax, max_extended = cpuid_read(0x80000000, 0).eax;
    struct cpuid basic = cpuid_read(1, 0), extended = cpuid_read(0x80000001, 0);
    struct cpuid structured = max >= 7 ? cpuid_read(7, 0) : (struct cpuid){0};
    cpu_has_x2apic = bit(basic.ecx, 21);
    cpu_has_tsc_deadline = bit(basic.ecx, 24);
    cpu_has_rdrand = bit(basic.ecx, 30);
    cpu_has_smep = bit(structured.ebx, 7);
    cpu_has_smap = bit(structured.ebx, 20);
    cpu_has_umip = bit(structured.ecx, 2);
    cpu_has_nx = bit(extended.edx, 20);
    cpu_has_1g_pages = bit(extended.edx, 26);
    detect_model(max_extended);
}

/* ---- SMAP: user_copy.asm's three-byte NOPs become STAC and CLAC where the CPU has them ----------------------- */

struct smap_patch {
    uint64_t address, kind; /* 0 STAC, 1 CLAC */
};
extern const struct smap_patch smap_patch_start[], smap_patch_end[]; /* kernel.ld */

/* Boot only, before paging_init() makes the text read-only. */
static void smap_patch_apply(void)
{
    static const uint8_t code[2][3] = {{0x0f, 0x01, 0xcb}, {0x0f, 0x01, 0xca}};
    for (const struct smap_patch *patch = smap_patch_start; patch < smap_patch_end; patch++)
        memcpy(phys_to_virt(patch->address - KERNEL_BASE), code[patch->kind & 1], 3);
}

/* ---- GDT and TSS ---------------------------------------------------------------------------------------------- */

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

#define GDT_KERNEL_CODE 0x00209a0000000000ul
#define GDT_KERNEL_DATA 0x0000920000000000ul
#define GDT_USER_DATA 0x0000f20000000000ul
#define GDT_USER_CODE 0x0020fa0000000000ul
#define GDT_TSS 0x0000890000000000ul

void cpu_stacks_set(struct cpu *cpu, struct cpu_stacks *stacks)
{
    cpu->stack_top = (uint64_t)(stacks->kernel + KERNEL_STACK_SIZE);
    cpu->tss.rsp[0] = cpu->stack_top;
    cpu->tss.ist[IST_DOUBLE_FAULT - 1] = (uint64_t)(stacks->double_fault + IST_STACK_SIZE);
    cpu->tss.ist[IST_NMI - 1] = (uint64_t)(stacks->nmi + IST_STACK_SIZE);
    cpu->tss.ist[IST_MACHINE_CHECK - 1] = (uint64_t)(stacks->machine_check + IST_STACK_SIZE);
    cpu->tss.io_map_base = sizeof(cpu->tss); /* none: no port is a user's */
}

static void gdt_fill(struct cpu *cpu)
{
    uint64_t tss = (uint64_t)&cpu->tss;
    cpu->gdt[SELECTOR_KERNEL_CODE / 8] = GDT_KERNEL_CODE;
    cpu->gdt[SELECTOR_KERNEL_DATA / 8] = GDT_KERNEL_DATA;
    cpu->gdt[SELECTOR_USER_DATA / 8] = GDT_USER_DATA;
    cpu->gdt[SELECTOR_USER_CODE / 8] = GDT_USER_CODE;
    cpu->gdt[SELECTOR_TSS / 8] = GDT_TSS | (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    cpu->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
}

static void gdt_load(struct cpu *cpu)
{
    struct table_pointer pointer = {sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt};
    __asm__ volatile("lgdt %0\n"
                     "pushq %1\n"
                     "leaq 1f(%%rip), %%rax\n"
                     "pushq %%rax\n"
                     "lretq\n"
                     "1: movw %w2, %%ss\n"
                     "movw %w3, %%ds\n"
                     "movw %w3, %%es\n"
                     "movw %w3, %%fs\n"
                     "movw %w3, %%gs\n"
                     "ltr %w4\n"
                     :
                     : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "r"(SELECTOR_KERNEL_DATA), "r"(0), "r"(SELECTOR_TSS)
                     : "rax", "memory");
}

/* ---- IDT (SDM vol. 3 §6.14) ----------------------------------------------------------------------------------- */

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
#define GATE_INTERRUPT 0x8e /* present, DPL 0: no INT n from user mode */
static struct gate idt[256];

static uint8_t vector_ist(unsigned vector)
{
    switch (vector) {
    case 2: return IST_NMI;
    case 8: return IST_DOUBLE_FAULT;
    case 18: return IST_MACHINE_CHECK;
    default: return 0;
    }
}

static void idt_fill(void)
{
    for (unsigned vector = 0; vector < 256; vector++) {
        uint64_t entry = isr_table[vector];
        idt[vector] = (struct gate){
            .offset_low = (uint16_t)entry,
            .selector = SELECTOR_KERNEL_CODE,
            .ist = vector_ist(vector),
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
}

static void idt_load(void)
{
    struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

/* ---- Control registers (SDM vol. 3 §2.5) and SYSCALL (§5.8.8) -------------------------------------------------- */

#define CR0_MP (1ul << 1)
#define CR0_EM (1ul << 2)
#define CR0_TS (1ul << 3)
#define CR0_NE (1ul << 5)
#define CR0_WP (1ul << 16)
#define CR0_AM (1ul << 18)
#define CR0_NW (1ul << 29)
#define CR0_CD (1ul << 30)
#define CR4_TSD (1ul << 2)
#define CR4_PAE (1ul << 5)
#define CR4_MCE (1ul << 6)
#define CR4_PGE (1ul << 7)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP (1ul << 11)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define EFER_SCE (1ul << 0)
#define EFER_NXE (1ul << 11)
#define RFLAGS_AT_ENTRY_CLEAR 0x47700 /* TF IF DF IOPL NT AC */

/* TS is set: the first task that touches the FPU traps (#NM) and gets its state then. */
static void control_registers_init(void)
{
    uint64_t cr4 = CR4_PAE | CR4_TSD | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= (cpu_has_umip ? CR4_UMIP : 0) | (cpu_has_smep ? CR4_SMEP : 0) | (cpu_has_smap ? CR4_SMAP : 0);
    cr0_write((cr0_read() & ~(CR0_EM | CR0_AM | CR0_NW | CR0_CD)) | CR0_MP | CR0_TS | CR0_NE | CR0_WP);
    cr4_write(cr4);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | (cpu_has_nx ? EFER_NXE : 0));
}

/* SYSRET takes SS from bits 63:48 plus 8 and CS from them plus 16. */
static void syscall_init(struct cpu *cpu)
{
    msr_write(MSR_STAR, (uint64_t)(SELECTOR_USER_DATA - 8) << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uint64_t)syscall_entry);
    msr_write(MSR_SFMASK, RFLAGS_AT_ENTRY_CLEAR);
    msr_write(MSR_FS_BASE, 0);
    msr_write(MSR_GS_BASE, (uint64_t)cpu);
    msr_write(MSR_KERNEL_GS_BASE, 0);
}

static void cpu_init_boot(struct cpu *cpu)
{
    cpu_detect();
    if (cpu_has_smap)
        smap_patch_apply();
    idt_fill();
    cpu_stacks_set(cpu, &boot_stacks);
}

void cpu_init(struct cpu *cpu)
{
    cpu->self = cpu;
    cpu->id = (uint32_t)(cpu - cpus);
    cpu->timer_armed_ns = UINT64_MAX;
    if (cpu == &cpus[0])
        cpu_init_boot(cpu);
    gdt_fill(cpu);
    gdt_load(cpu);
    idt_load();
    control_registers_init();
    syscall_init(cpu);
}

_Noreturn void cpu_halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}
