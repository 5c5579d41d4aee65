/**
 * The words of the Core Business Vocabulary (CBV 2.0) that an event may use in place of a URI.
 *
 * They are written bare ("shipping"); a vocabulary of one's own is written as URIs, which must not lie in the
 * namespace of the standard one.
 */

/** What an event says about objects: seen, added, removed. */
export const actions: ReadonlySet<string> = words('OBSERVE ADD DELETE');

/** Business steps. */
export const bizSteps: ReadonlySet<string> = words(
  'accepting arriving assembling collecting commissioning consigning creating_class_instance cycle_counting ' +
    'decommissioning departing destroying disassembling dispensing encoding entering_exiting holding inspecting ' +
    'installing killing loading other packing picking receiving removing repackaging repairing replacing reserving ' +
    'retail_selling shipping staging_outbound stock_taking stocking storing transporting unloading unpacking ' +
    'void_shipping sensor_reporting sampling',
);

/** Business conditions of objects. */
export const dispositions: ReadonlySet<string> = words(
  'active container_closed damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive ' +
    'no_pedigree_match non_sellable_other partially_dispensed recalled reserved retail_sold returned ' +
    'sellable_accessible sellable_not_accessible stolen unknown available completeness_verified ' +
    'completeness_inferred conformant container_open mismatch_instance mismatch_class mismatch_quantity ' +
    'needs_replacement non_conformant unavailable',
);

/** Types of business transactions. */
export const transactionTypes: ReadonlySet<string> = words(
  'bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt',
);

/** Roles of sources and destinations. */
export const partyTypes: ReadonlySet<string> = words('owning_party possessing_party location');

/** Reasons for an error declaration. */
export const errorReasons: ReadonlySet<string> = words('did_not_occur incorrect_data');

/** Types of measurements (of the GS1 Web Vocabulary). */
export const measurements: ReadonlySet<string> = words(
  'AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Radioactivity Altitude AmountOfSubstance ' +
    'AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area Capacitance ' +
    'Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate DynamicViscosity ' +
    'ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy Exposure Force Frequency ' +
    'Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum Luminance LuminousFlux ' +
    'LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential Mass MassConcentration MassFlowRate ' +
    'MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy MolarMass MolarVolume Power Pressure RadiantFlux ' +
    'RadiantIntensity RelativeHumidity Resistance Resistivity SolidAngle SpecificVolume Speed SurfaceDensity ' +
    'SurfaceTension Temperature Time Torque Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber',
);

/** Exceptions that a sensor reports. */
export const alerts: ReadonlySet<string> = words('ALARM_CONDITION ERROR_CONDITION');

/** Components of a vector or position. */
export const components: ReadonlySet<string> = words(
  'x y z axial_distance azimuth height spherical_radius polar_angle elevation_angle easting northing latitude ' +
    'longitude altitude',
);

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(' '));
}
