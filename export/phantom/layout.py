"""The shape of the arrays that the compiled renderer reads: tissue numbers and column numbers, nothing else.

Numba sees these integers as compile-time constants. Frame: patient millimetres, LPS (+x left, +y back, +z head).
"""

# --- tissues -----------------------------------------------------------------------------------------------------
AIR, FAT, CSF, ROOT, CORD, MUSCLE, LIGAMENT, CORTEX, MARROW, SKIN = range(10)
VESSEL, BOWEL_WALL, BOWEL, KIDNEY, LIVER, EPIDURAL, FLUID, CARTILAGE, METAL, ANNULUS = range(10, 20)
BODY_0 = 20  # marrow of body k is tissue BODY_0 + k
DISC_0 = 40  # nucleus of disc j is tissue DISC_0 + j
MODIC_0 = 60  # marrow beside disc j is tissue MODIC_0 + j
N_TISSUES = 80

# --- the chain of vertebrae, counted from below ------------------------------------------------------------------
N_SACRAL = 5  # bodies 0..4 are S5..S1
N_BODIES = 15  # bodies 5.. are the free vertebrae counted up from the sacrum: 5 is "L5", 9 is "L1"
N_DISCS = N_BODIES - 1  # disc j lies between body j (below) and body j + 1 (above)
DISC_L5_S1, DISC_L1_L2 = 4, 8
LEFT, RIGHT = 0, 1  # column offset of a side; left is +x

# --- a body: one row of the bodies array --------------------------------------------------------------------------
V_POS, V_U, V_V, V_W = 0, 3, 6, 9  # centre; unit axes to the left, back, head
V_HALF_DEPTH, V_HALF_WIDTH, V_HALF_FRONT, V_HALF_BACK = 12, 13, 14, 15
V_CONCAVE, V_WAIST, V_OSTEO, V_CANAL_DEPTH, V_CANAL_HALF = 16, 17, 18, 19, 20
V_PED_TOP, V_PED_LOW_L, V_PED_LOW_R, V_PED_HALF_W, V_PED_U = 21, 22, 23, 24, 25
V_SPINOUS_LEN, V_SPINOUS_HALF_H, V_SPINOUS_W, V_SPINOUS_SLOPE, V_FACET = 26, 27, 28, 29, 30
V_SACRAL, V_SHIFT_SEED, V_TRANSVERSE = 31, 32, 33
V_COLS = 34

# --- a disc: one row of the discs array ----------------------------------------------------------------------------
D_POS, D_U, D_V, D_W = (
    0,
    3,
    6,
    9,
)  # middle of the posterior margin (not of the disc); axes of the mean of its two bodies
D_BULGE, D_NUCLEUS, D_CLEFT, D_HALF_POST, D_MODIC, D_FISSURE = 12, 13, 14, 15, 16, 17
D_FOR_TOP_L, D_FOR_H_L, D_FOR_W_L, D_FOR_V_L = (
    18,
    20,
    22,
    24,
)  # + side: top, height, width, v of the front edge
D_FOR_IN, D_FOR_OUT = 26, 27  # where the foramen begins and ends, distance from the midline
D_ROOT_R = 28  # radius of the exiting root
D_RUDIMENT, D_FOR_OFF = 29, 30  # is it one of the sacrum's; usual distance of its foramina from the midline
D_COLS = 32

# --- the canal: one row each 0.5 mm along its centre line ---------------------------------------------------------
C_POS, C_U, C_Y, C_T = 0, 3, 6, 9
C_A_L, C_A_R, C_BF, C_BB, C_NF, C_NB = (
    12,
    13,
    14,
    15,
    16,
    17,
)  # dural sac: half widths, front and back depth, exponents
C_K_L, C_K_R = 18, 19  # mm by which the lateral corners are bent forward (column by column: keeps the area)
C_GAP, C_B0, C_BR_L, C_BR_R, C_UR_L, C_UR_R = 20, 21, 22, 23, 24, 25
C_DISC, C_Q, C_CORD_A, C_CORD_B, C_CROWD, C_LF, C_FASCIA = 26, 27, 28, 29, 30, 31, 32
C_WIDE, C_J, C_PSOAS = 33, 34, 35
C_SAC = 36  # 1 where there is a sac, 0 below its end
C_COLS = 37
CANAL_STEP = 0.5  # mm
WALL_TO_AXIS = 7.5  # mm from the posterior wall of a body to the axis of the canal
