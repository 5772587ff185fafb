//! The choice of a provider on machines of all kinds, none of which has to be at hand.

use super::*;

fn plan_with(wanted: Provider, system: System, present: &[Provider]) -> Plan {
    plan(wanted, system, &|provider| (!present.contains(&provider)).then(|| "it lies elsewhere".to_owned()))
}

#[test]
fn the_automatic_choice_tries_what_the_system_may_have_and_the_machine_has() {
    use Provider::{CoreMl, Cuda, DirectMl, OpenVino, TensorRt};
    let everything = [Cuda, TensorRt, CoreMl, DirectMl, OpenVino];
    for (system, present, expected) in [
        (System::Linux, &everything[..], vec![Cuda]),
        (System::Windows, &everything, vec![Cuda, DirectMl]),
        (System::Windows, &[DirectMl], vec![DirectMl]),
        (System::MacOs, &everything, vec![CoreMl]),
        (System::Other, &everything, vec![]),
        (System::Linux, &[], vec![]),
    ] {
        let plan = plan_with(Provider::Auto, system, present);
        assert_eq!((plan.tries, plan.missing), (expected, None), "{system:?}, {present:?}");
        assert!(plan.must_be_faster);
    }
}

#[test]
fn a_provider_that_is_asked_for_is_used_unmeasured_or_missed_with_cause_and_remedy() {
    for provider in Provider::ALL {
        if matches!(provider, Provider::Auto | Provider::Cpu) {
            continue;
        }
        let there = plan_with(provider, System::Other, &[provider]);
        assert_eq!(there, Plan { tries: vec![provider], ..Plan::default() });
        let missing = plan_with(provider, System::Linux, &[]);
        assert_eq!(missing.tries, []);
        let chosen = chosen(missing, &[(Provider::Cpu, Ok((1, 1.0)))]);
        assert_eq!(
            describe(chosen.provider, 2, false, &chosen.reasons),
            format!("CPU, 2 threads ({provider} cannot be used)")
        );
        let notice = chosen.notice.expect("a notice says why");
        for part in [&provider.to_string(), "it lies elsewhere", "fimble setup --from", "The CPU computes"] {
            assert!(notice.contains(part), "{part:?} is not in: {notice}");
        }
    }
    assert_eq!(plan_with(Provider::Cpu, System::Linux, &[Provider::Cuda]), Plan::default());
}

/// The time of a provider in milliseconds and its logit, or why it fails.
type Machine<'a> = [(Provider, Result<(u64, f32), &'a str>)];

fn chosen(plan: Plan, machine: &Machine<'_>) -> Chosen<Provider> {
    let found = |wanted: Provider| machine.iter().find(|(provider, _)| *provider == wanted);
    let mut open = |provider| match found(provider) {
        Some((_, Ok(_))) => Ok(provider),
        Some((_, Err(cause))) => Err(LoadError {
            code: fimble_model::ErrorCode::ProviderUnavailable,
            cause: (*cause).to_owned(),
            remedy: String::new(),
        }),
        None => panic!("{provider} was opened"),
    };
    let mut measure = |provider: &mut Provider| match found(*provider) {
        Some((_, Ok((elapsed, logit)))) => {
            Ok(Trial { elapsed: Duration::from_millis(*elapsed), logits: vec![*logit, -1.0] })
        }
        _ => Err("it broke".to_owned()),
    };
    choose(plan, &mut open, &mut measure).expect("the processor is left")
}

#[test]
fn the_faster_one_is_kept_and_the_others_have_a_reason() {
    use Provider::{Cpu, Cuda, DirectMl};
    let cpu = (Cpu, Ok((20, 1.0)));
    for (machine, expected, reason) in [
        (vec![cpu, (Cuda, Ok((5, 1.01))), (DirectMl, Ok((9, 1.0)))], Cuda, "DirectML: 9.0 ms, slower"),
        (vec![cpu, (Cuda, Ok((9, 1.0))), (DirectMl, Ok((5, 1.0)))], DirectMl, ""),
        (vec![cpu, (Cuda, Ok((30, 1.0))), (DirectMl, Err("no card"))], Cpu, "DirectML: no card"),
        (
            vec![cpu, (Cuda, Ok((30, 1.0))), (DirectMl, Err("no card"))],
            Cpu,
            "CUDA: 30.0 ms, and 20.0 ms on the CPU",
        ),
        (
            vec![cpu, (Cuda, Ok((5, 2.0))), (DirectMl, Err("no card"))],
            Cpu,
            "CUDA: it computes something else",
        ),
        (vec![cpu, (Cuda, Ok((5, f32::NAN))), (DirectMl, Err("x"))], Cpu, "CUDA: it computes something else"),
        (vec![cpu, (Cuda, Err("driver too old.")), (DirectMl, Err("x"))], Cpu, "CUDA: driver too old; "),
    ] {
        let chosen = chosen(plan_with(Provider::Auto, System::Windows, &[Cuda, DirectMl]), &machine);
        assert_eq!((chosen.provider, chosen.ready), (expected, expected), "{machine:?}");
        assert_eq!(chosen.notice, None);
        let text = describe(chosen.provider, 2, false, &chosen.reasons);
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn a_wanted_provider_that_does_not_load_leaves_the_processor_and_a_notice() {
    let machine = [(Provider::Cpu, Ok((1, 1.0))), (Provider::TensorRt, Err("libnvinfer.so.10 is missing."))];
    let chosen = chosen(plan_with(Provider::TensorRt, System::Linux, &[Provider::TensorRt]), &machine);
    assert_eq!(chosen.provider, Provider::Cpu);
    let notice = chosen.notice.expect("a notice says why");
    assert!(notice.contains("TensorRT cannot be used: libnvinfer.so.10 is missing. The CPU"), "{notice}");
}

#[test]
fn the_processor_alone_is_opened_once_and_not_measured() {
    let mut n_opened = 0;
    let mut open = |provider| {
        n_opened += 1;
        Ok(provider)
    };
    let chosen = choose(Plan::default(), &mut open, &mut |_| panic!("it was measured")).expect("it opens");
    assert_eq!(
        (chosen.ready, describe(chosen.provider, 1, false, &[])),
        (Provider::Cpu, "CPU, 1 thread".to_owned())
    );
    let auto = plan_with(Provider::Auto, System::Linux, &[]);
    choose(auto, &mut open, &mut |_| panic!("it was measured")).expect("it opens");
    assert_eq!(n_opened, 2);
}

#[test]
fn libraries_have_the_names_of_their_system() {
    assert_eq!(library_of(Provider::Cuda, System::Linux), Some("libonnxruntime_providers_cuda.so"));
    assert_eq!(library_of(Provider::TensorRt, System::Windows), Some("onnxruntime_providers_tensorrt.dll"));
    assert_eq!(library_of(Provider::CoreMl, System::MacOs), None);
}
