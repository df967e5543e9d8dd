/* What later libbpf versions add to bpf_tracing.h, for an installed one that lacks it. */
#pragma once

#ifndef BPF_UPROBE
#define BPF_UPROBE(name, args...) BPF_KPROBE(name, ##args)
#endif
#ifndef BPF_URETPROBE
#define BPF_URETPROBE(name, args...) BPF_KRETPROBE(name, ##args)
#endif

/* The sixth argument. */
#ifndef PT_REGS_PARM6
#if defined(__TARGET_ARCH_x86)
#define __EBL_PARM6_REG r9
#elif defined(__TARGET_ARCH_arm64)
#define __EBL_PARM6_REG regs[5]
#elif defined(__TARGET_ARCH_riscv)
#define __EBL_PARM6_REG a5
#elif defined(__TARGET_ARCH_powerpc)
#define __EBL_PARM6_REG gpr[8]
#endif
#ifdef __EBL_PARM6_REG
#define PT_REGS_PARM6(x) (__PT_REGS_CAST(x)->__EBL_PARM6_REG)
#define PT_REGS_PARM6_SYSCALL(x) PT_REGS_PARM6(x)
#endif
#endif
